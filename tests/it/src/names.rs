//! A DNS server of the test's own, on a real socket: it knows the TXT records that a test gives it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{RData, Record};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

type Texts = Arc<Mutex<HashMap<String, Vec<String>>>>;

/// The server.
pub struct NameServer {
    address: SocketAddr,
    texts: Texts,
    server: JoinHandle<()>,
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl NameServer {
    pub(crate) async fn start() -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
        let (address, texts) = (socket.local_addr().unwrap(), Texts::default());
        let server = tokio::spawn(serve(socket, Arc::clone(&texts)));
        Self { address, texts, server }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on there is a TXT record more.
    pub fn add_txt(&self, name: &str, text: &str) {
        let mut texts = self.texts.lock().unwrap();
        texts.entry(format!("{name}.")).or_default().push(text.to_owned());
    }

    /// From now on nobody answers.
    pub fn stop(&self) {
        self.server.abort();
    }
}

async fn serve(socket: UdpSocket, texts: Texts) {
    let mut bytes = [0; 4096];
    loop {
        let (length, peer) = socket.recv_from(&mut bytes).await.unwrap();
        let question = Message::from_vec(&bytes[..length]).unwrap();
        let answer = answer(&question, &texts.lock().unwrap());
        socket.send_to(&answer.to_vec().unwrap(), peer).await.unwrap();
    }
}

fn answer(question: &Message, texts: &HashMap<String, Vec<String>>) -> Message {
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.message_type = MessageType::Response;
    answer.metadata.recursion_available = true;
    let query = question.queries[0].clone();
    let name = query.name().to_ascii().to_ascii_lowercase();
    match texts.get(&name) {
        None => answer.metadata.response_code = ResponseCode::NXDomain,
        Some(texts) => {
            for text in texts {
                // A long text goes in pieces.
                let pieces =
                    text.as_bytes().chunks(20).map(|piece| String::from_utf8(piece.to_vec()).unwrap());
                let data = RData::TXT(TXT::new(pieces.collect()));
                answer.answers.push(Record::from_rdata(query.name().clone(), 60, data));
            }
        }
    }
    answer.queries.push(query);
    answer
}
