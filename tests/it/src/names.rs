//! A DNS server of the test's own, on real sockets: it knows the records that a test gives it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{CNAME, TXT};
use hickory_proto::rr::{Name, RData, Record};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;

/// How the server answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    #[default]
    Whole,
    /// By UDP it says only that the answer is longer (TC): the client has to ask again by TCP.
    Truncated,
    /// SERVFAIL.
    Failing,
    /// REFUSED.
    Refusing,
    /// Not at all.
    Silent,
}

#[derive(Default)]
struct Zone {
    texts: HashMap<String, Vec<String>>,
    aliases: HashMap<String, String>,
    manner: Manner,
    /// Questions that came by TCP.
    by_tcp: usize,
}

/// The server.
pub struct NameServer {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    servers: [JoinHandle<()>; 2],
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl NameServer {
    pub(crate) async fn start() -> Self {
        let (udp, tcp) = sockets().await;
        let (address, zone) = (udp.local_addr().unwrap(), Arc::<Mutex<Zone>>::default());
        let servers =
            [tokio::spawn(serve(udp, Arc::clone(&zone))), tokio::spawn(accept(tcp, Arc::clone(&zone)))];
        Self { address, zone, servers }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on there is a TXT record more.
    pub fn add_txt(&self, name: &str, text: &str) {
        let mut zone = self.zone.lock().unwrap();
        zone.texts.entry(format!("{name}.")).or_default().push(text.to_owned());
    }

    /// From now on `name` is another name for `target`.
    pub fn add_cname(&self, name: &str, target: &str) {
        self.zone.lock().unwrap().aliases.insert(format!("{name}."), format!("{target}."));
    }

    /// From now on it answers so.
    pub fn answer(&self, manner: Manner) {
        self.zone.lock().unwrap().manner = manner;
    }

    /// How many questions came by TCP.
    pub fn asked_by_tcp(&self) -> usize {
        self.zone.lock().unwrap().by_tcp
    }

    /// From now on nobody is there.
    pub fn stop(&self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

/// Both at one port: whichever is free for the one and the other.
async fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let tcp = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

async fn serve(socket: UdpSocket, zone: Arc<Mutex<Zone>>) {
    let mut bytes = [0; 4096];
    loop {
        let (length, peer) = socket.recv_from(&mut bytes).await.unwrap();
        let question = Message::from_vec(&bytes[..length]).unwrap();
        let answer = answer(&question, &zone.lock().unwrap(), true);
        if let Some(answer) = answer {
            socket.send_to(&answer.to_vec().unwrap(), peer).await.unwrap();
        }
    }
}

async fn accept(listener: TcpListener, zone: Arc<Mutex<Zone>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(talk(stream, Arc::clone(&zone)));
    }
}

/// Each message has its length before it (RFC 1035, 4.2.2). Ends when the client goes.
async fn talk(mut stream: TcpStream, zone: Arc<Mutex<Zone>>) {
    while let Ok(length) = stream.read_u16().await {
        let mut bytes = vec![0; length.into()];
        stream.read_exact(&mut bytes).await.unwrap();
        let question = Message::from_vec(&bytes).unwrap();
        let answer = {
            let mut zone = zone.lock().unwrap();
            zone.by_tcp += 1;
            answer(&question, &zone, false)
        };
        if let Some(answer) = answer {
            let bytes = answer.to_vec().unwrap();
            stream.write_u16(bytes.len().try_into().unwrap()).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        }
    }
}

fn answer(question: &Message, zone: &Zone, by_udp: bool) -> Option<Message> {
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.message_type = MessageType::Response;
    answer.metadata.recursion_available = true;
    let query = question.queries[0].clone();
    match zone.manner {
        Manner::Silent => return None,
        Manner::Failing => answer.metadata.response_code = ResponseCode::ServFail,
        Manner::Refusing => answer.metadata.response_code = ResponseCode::Refused,
        Manner::Truncated if by_udp => answer.metadata.truncation = true,
        Manner::Whole | Manner::Truncated => fill(&mut answer, query.name(), zone),
    }
    answer.queries.push(query);
    Some(answer)
}

fn fill(answer: &mut Message, asked: &Name, zone: &Zone) {
    let mut name = asked.clone();
    while let Some(target) = zone.aliases.get(&name.to_ascii().to_ascii_lowercase()) {
        let target = Name::from_ascii(target).unwrap();
        answer.answers.push(Record::from_rdata(name, 60, RData::CNAME(CNAME(target.clone()))));
        name = target;
    }
    let Some(texts) = zone.texts.get(&name.to_ascii().to_ascii_lowercase()) else {
        answer.metadata.response_code = ResponseCode::NXDomain;
        return;
    };
    for text in texts {
        // A long text goes in pieces.
        let pieces = text.as_bytes().chunks(20).map(|piece| String::from_utf8(piece.to_vec()).unwrap());
        let data = RData::TXT(TXT::new(pieces.collect()));
        answer.answers.push(Record::from_rdata(name.clone(), 60, data));
    }
}
