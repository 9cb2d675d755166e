//! One connection with its buffers.
//!
//! A [`Wire`] does not know which side it belongs to, nor whether its socket is encrypted.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use pgwire::messages::Message;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::{BadFrame, Frame};

/// Anything that carries bytes both ways.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;

/// An empty buffer larger than this is given back.
const BUFFER_KEPT_BYTES: usize = 1024 * 1024;

/// A connection, what was read from it and what is to be written to it.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    inbox: BytesMut,
    outbox: BytesMut,
    /// Whether the socket may hold back bytes that it took, as TLS does.
    unflushed: bool,
}

impl Wire {
    pub(crate) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, inbox: BytesMut::new(), outbox: BytesMut::new(), unflushed: false }
    }

    /// Takes the next whole message off what has been read.
    pub(crate) fn take_frame(&mut self) -> Result<Option<Frame>, BadFrame> {
        Frame::take(&mut self.inbox)
    }

    /// Bytes read and not taken yet.
    pub(crate) fn inbox_bytes(&self) -> usize {
        self.inbox.len()
    }

    /// Bytes to be written.
    pub(crate) fn outbox_bytes(&self) -> usize {
        self.outbox.len()
    }

    /// Puts bytes into the outbox.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.outbox.extend_from_slice(bytes);
    }

    /// Puts a message of our own into the outbox.
    pub(crate) fn put_message(&mut self, message: &impl Message) {
        message.encode(&mut self.outbox).expect("messages of our own can be encoded");
    }

    /// Writes as much of the outbox as the socket takes.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outbox.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.outbox))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.outbox.advance(written);
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        if BUFFER_KEPT_BYTES < self.outbox.capacity() {
            self.outbox = BytesMut::new(); // One large row is no reason to keep its room.
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once into the inbox; the end of the stream is an error.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inbox.reserve(READ_BYTES);
        let read = ready!(pin!(self.stream.read_buf(&mut self.inbox)).poll(cx))?;
        if read == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        Poll::Ready(Ok(()))
    }

    /// Waits for exactly `N` bytes, for what comes before the first framed message.
    pub(crate) async fn peek<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        loop {
            if let Some(array) = self.inbox.first_chunk::<N>() {
                return Ok(*array);
            }
            self.read().await?;
        }
    }

    /// Waits for `count` bytes and takes them.
    pub(crate) async fn take(&mut self, count: usize) -> io::Result<BytesMut> {
        while self.inbox.len() < count {
            self.read().await?;
        }
        Ok(self.inbox.split_to(count))
    }

    /// Waits for the next message.
    pub(crate) async fn frame(&mut self) -> io::Result<Frame> {
        loop {
            match self.take_frame() {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => self.read().await?,
                Err(bad) => return Err(io::Error::new(io::ErrorKind::InvalidData, bad)),
            }
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_read(cx)).await
    }

    /// Goes on under TLS, as the server. Fails if bytes have been read already: somebody between us
    /// and the client could have put them there.
    pub(crate) async fn start_tls(&mut self, acceptor: &TlsAcceptor) -> io::Result<()> {
        if !self.inbox.is_empty() {
            let what = "received unencrypted data after the TLS request";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        self.stream = Box::new(acceptor.accept(plain).await?);
        Ok(())
    }

    /// Writes the whole outbox.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_write(cx)).await
    }

    /// Writes the whole outbox and says that nothing follows.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.stream.shutdown().await
    }
}
