//! Secrets Manager's part of a rotation: the labels of versions, and what is refused.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use stack::{Services, State, Template};

use crate::services::secrets;
use crate::{fixture, services};

const ROTATION: &str = "
  Rotation:
    Type: AWS::SecretsManager::RotationSchedule
    Properties: { SecretId: !Ref SecretKey, RotationLambdaARN: !Ref Keys.Alias }
";

async fn rotating() -> (Services, Client, String) {
    let text = std::fs::read_to_string(fixture()).unwrap();
    let (before, after) = text.split_once("Resources:\n").unwrap();
    let text = format!("{before}Resources:{ROTATION}{after}");
    let template = Template::parse(&fixture(), &text, &[]).unwrap();
    let services = Services::start(&template, State::Memory).await.unwrap();
    let (client, arn) = (secrets(&services), services.environment("Keys")["SECRET_KEY_ARN"].clone());
    (services, client, arn)
}

/// The version that has a label.
async fn holder(client: &Client, arn: &str, label: &str) -> Option<String> {
    let described = client.describe_secret().secret_id(arn).send().await.unwrap();
    let versions = described.version_ids_to_stages.unwrap_or_default();
    let mut versions = versions.into_iter();
    versions.find(|(_, labels)| labels.iter().any(|one| one == label)).map(|(version, _)| version)
}

#[tokio::test]
async fn a_rotation_begins_with_a_version_that_has_a_label_and_no_value() {
    let (_services, client, arn) = rotating().await;
    let current = holder(&client, &arn, "AWSCURRENT").await;
    let begun = client.rotate_secret().secret_id(&arn).send().await.unwrap();
    let token = begun.version_id.unwrap();
    let described = client.describe_secret().secret_id(&arn).send().await.unwrap();
    assert_eq!(described.rotation_enabled, Some(true));
    assert_eq!(holder(&client, &arn, "AWSPENDING").await.as_ref(), Some(&token));
    assert_eq!(holder(&client, &arn, "AWSCURRENT").await, current);
    let value = client.get_secret_value().secret_id(&arn).version_id(&token).send().await.unwrap_err();
    assert_eq!(value.code(), Some("ResourceNotFoundException"));
    let second = client.rotate_secret().secret_id(&arn).send().await.unwrap_err();
    assert_eq!(second.code(), Some("InvalidRequestException"));

    let put = |text: &str| {
        let put = client.put_secret_value().secret_id(&arn).client_request_token(&token);
        put.secret_string(text).version_stages("AWSPENDING").send()
    };
    put("one").await.unwrap();
    put("one").await.unwrap();
    assert_eq!(put("other").await.unwrap_err().code(), Some("ResourceExistsException"));
    assert_eq!(holder(&client, &arn, "AWSPENDING").await, Some(token));
}

#[tokio::test]
async fn a_label_is_moved_from_the_version_that_is_named_only() {
    let (_services, client, arn) = rotating().await;
    let first = holder(&client, &arn, "AWSCURRENT").await.unwrap();
    let token = client.rotate_secret().secret_id(&arn).send().await.unwrap().version_id.unwrap();
    let put = client.put_secret_value().secret_id(&arn).client_request_token(&token);
    put.secret_string("two").version_stages("AWSPENDING").send().await.unwrap();
    let moving = || {
        let moving = client.update_secret_version_stage().secret_id(&arn).version_stage("AWSCURRENT");
        moving.move_to_version_id(&token)
    };
    for wrong in [moving(), moving().remove_from_version_id(&token)] {
        assert_eq!(wrong.send().await.unwrap_err().code(), Some("InvalidParameterException"));
    }
    moving().remove_from_version_id(&first).send().await.unwrap();
    assert_eq!(holder(&client, &arn, "AWSCURRENT").await.as_ref(), Some(&token));
    assert_eq!(holder(&client, &arn, "AWSPREVIOUS").await.as_ref(), Some(&first));
    let again = client.rotate_secret().secret_id(&arn).send().await.unwrap();
    assert_ne!(again.version_id, Some(token), "the rotation before has ended");
}

#[tokio::test]
async fn a_rotation_that_is_given_up_leaves_room_for_another() {
    let (_services, client, arn) = rotating().await;
    let token = client.rotate_secret().secret_id(&arn).send().await.unwrap().version_id.unwrap();
    client.cancel_rotate_secret().secret_id(&arn).send().await.unwrap();
    let described = client.describe_secret().secret_id(&arn).send().await.unwrap();
    assert_eq!(described.rotation_enabled, Some(false));
    let free = client.update_secret_version_stage().secret_id(&arn).version_stage("AWSPENDING");
    free.remove_from_version_id(&token).send().await.unwrap();
    assert_eq!(holder(&client, &arn, "AWSPENDING").await, None);
    client.rotate_secret().secret_id(&arn).send().await.unwrap();
}

#[tokio::test]
async fn a_secret_without_a_function_does_not_rotate() {
    let services = services().await;
    let arn = services.environment("Keys")["SECRET_KEY_ARN"].clone();
    let refused = secrets(&services).rotate_secret().secret_id(&arn).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidRequestException"));
    let current = holder(&secrets(&services), &arn, "AWSCURRENT").await;
    assert!(current.is_some(), "its value is as it was");
}
