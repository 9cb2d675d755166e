//! A client that writes the protocol's bytes itself, for what no driver would send.

use bytes::{Buf, BytesMut};
use pgwire::messages::Message;
use pgwire::messages::extendedquery::{Bind, Close, Describe, Execute, Flush, Parse, Sync};
use pgwire::messages::simplequery::Query;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{DEADLINE, Kit};

pub(crate) struct Raw {
    stream: TcpStream,
    inbox: BytesMut,
    outbox: BytesMut,
    /// Process id and secret of the session.
    pub(crate) cancel_key: Vec<u8>,
    /// What ParameterStatus said.
    pub(crate) statuses: Vec<String>,
}

/// One answer: its type and its body.
pub(crate) type Answer = (u8, Vec<u8>);

impl Raw {
    pub(crate) async fn connect(kit: &Kit) -> Self {
        let parameters = format!("user\0awsuser\0database\0{}\0", kit.database);
        Self::connect_with(kit, &parameters).await
    }

    /// Connects with these start-up parameters, each ended by a NUL.
    pub(crate) async fn connect_with(kit: &Kit, parameters: &str) -> Self {
        let mut raw = Self::unstarted(kit).await;
        let length = u32::try_from(8 + parameters.len() + 1).unwrap();
        raw.bytes(&length.to_be_bytes());
        raw.bytes(&196_608_u32.to_be_bytes());
        raw.bytes(parameters.as_bytes());
        raw.bytes(b"\0");
        for (tag, body) in raw.until_ready(1).await {
            let text = String::from_utf8_lossy(&body).trim_end_matches('\0').replace('\0', "=");
            match tag {
                b'K' => raw.cancel_key = body,
                b'S' => raw.statuses.push(text),
                b'E' => panic!("no session: {text}"),
                _ => {}
            }
        }
        raw
    }

    pub(crate) async fn unstarted(kit: &Kit) -> Self {
        let stream = TcpStream::connect(kit.redshift.address()).await.unwrap();
        Self {
            stream,
            inbox: BytesMut::new(),
            outbox: BytesMut::new(),
            cancel_key: Vec::new(),
            statuses: Vec::new(),
        }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.outbox.extend_from_slice(bytes);
        self
    }

    fn message(&mut self, message: &impl Message) -> &mut Self {
        message.encode(&mut self.outbox).unwrap();
        self
    }

    pub(crate) fn query(&mut self, sql: &str) -> &mut Self {
        self.message(&Query::new(sql.to_owned()))
    }

    pub(crate) fn parse(&mut self, name: &str, sql: &str) -> &mut Self {
        self.message(&Parse::new(Some(name.to_owned()), sql.to_owned(), Vec::new()))
    }

    pub(crate) fn bind(&mut self, portal: &str, statement: &str) -> &mut Self {
        let name = |name: &str| Some(name.to_owned());
        self.message(&Bind::new(name(portal), name(statement), vec![], vec![], vec![]))
    }

    pub(crate) fn describe(&mut self, target: u8, name: &str) -> &mut Self {
        self.message(&Describe::new(target, Some(name.to_owned())))
    }

    pub(crate) fn execute(&mut self, portal: &str) -> &mut Self {
        self.message(&Execute::new(Some(portal.to_owned()), 0))
    }

    pub(crate) fn close(&mut self, target: u8, name: &str) -> &mut Self {
        self.message(&Close::new(target, Some(name.to_owned())))
    }

    pub(crate) fn sync(&mut self) -> &mut Self {
        self.message(&Sync::new())
    }

    pub(crate) fn flush_message(&mut self) -> &mut Self {
        self.message(&Flush::new())
    }

    /// Parse, Bind, Describe and Execute of one statement under the unnamed names.
    pub(crate) fn statement(&mut self, sql: &str) -> &mut Self {
        self.parse("", sql).bind("", "").describe(b'P', "").execute("")
    }

    /// The next byte outside of any message; `None` at the end of the connection.
    pub(crate) async fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        self.stream.read_exact(&mut byte).await.ok().map(|_| byte[0])
    }

    pub(crate) async fn send(&mut self) {
        self.stream.write_all(&self.outbox.split()).await.unwrap();
    }

    /// Sends what was prepared and says no more.
    pub(crate) async fn send_last(&mut self) {
        self.send().await;
        self.stream.shutdown().await.unwrap();
    }

    /// Sends what was prepared and collects the answers up to the `count`-th ReadyForQuery.
    pub(crate) async fn until_ready(&mut self, count: usize) -> Vec<Answer> {
        self.send().await;
        let mut answers = Vec::new();
        let mut ready = 0;
        while ready < count {
            let answer = self.answer().await.expect("the server keeps the connection");
            ready += usize::from(answer.0 == b'Z');
            answers.push(answer);
        }
        answers
    }

    /// The types of the answers up to the `count`-th ReadyForQuery, whose status stands behind it.
    pub(crate) async fn tags(&mut self, count: usize) -> String {
        self.until_ready(count).await.iter().map(shown).collect()
    }

    /// The next answer; `None` if the server closed the connection.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        loop {
            if let Some(&[tag, a, b, c, d]) = self.inbox.first_chunk::<5>() {
                let length = u32::from_be_bytes([a, b, c, d]) as usize;
                if length < self.inbox.len() {
                    let mut frame = self.inbox.split_to(length + 1);
                    frame.advance(5);
                    return Some((tag, frame.to_vec()));
                }
            }
            let read = tokio::time::timeout(DEADLINE, self.stream.read_buf(&mut self.inbox));
            match read.await.expect("the server answers in time") {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Reads exactly `count` bytes that are no message.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).await.unwrap();
        bytes
    }
}

/// A tag; with the transaction's status for ReadyForQuery and the code for an error.
pub(crate) fn shown((tag, body): &Answer) -> String {
    match tag {
        b'Z' => format!("Z{} ", char::from(body[0]).to_ascii_lowercase()),
        b'E' => format!("E{} ", field(body, b'C')),
        tag => char::from(*tag).to_string(),
    }
}

/// A field of an ErrorResponse or NoticeResponse.
pub(crate) fn field(body: &[u8], code: u8) -> String {
    let mut fields = body.split(|byte| *byte == 0);
    let found = fields.find(|field| field.first() == Some(&code));
    found.map(|field| String::from_utf8_lossy(&field[1..]).into_owned()).unwrap_or_default()
}
