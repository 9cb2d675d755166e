//! Finds the objects of a COPY in S3 and reads them ahead.
//!
//! Order is that of the listing or the manifest. At most four objects are open, each with at most
//! 4 MiB waiting; no object is ever held whole.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::failure::{CopyFailure, Refusal};
use super::jsonpaths::{self, Path};
use super::manifest::{self, Wanted};
use super::options::{Flag, Format, Mapping};
use super::statement::{CopySource, CopyStatement};

/// Objects that are open at once.
const OBJECTS_AHEAD_MAX: usize = 4;
/// Pieces of one object that wait to be decoded.
const PIECES_AHEAD_MAX: usize = 16;
/// Bytes of one piece.
const PIECE_BYTES_MAX: usize = 256 * 1024;
/// A manifest may list hundreds of thousands of objects; beyond this it is a mistake.
const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How often the body of one object is read before its error ends the COPY.
const READ_ATTEMPTS_MAX: u32 = 3;

/// "Load error reference": the manifest or the prefix is wrong; clients see it for S3's errors too.
const S3_ERROR_CODE: i32 = 8001;

/// What clients have seen with "Number of jsonpaths and the number of columns should match".
pub(super) const JSONPATHS_ERROR_CODE: i32 = 8001;

/// What a manifest without `meta` fails with.
const MANIFEST_META_CODE: i32 = 15003;

/// What S3 says of an object that it hands out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Stored {
    /// Without quotes.
    pub(super) entity_tag: Option<String>,
    pub(super) last_modified: Option<SystemTime>,
}

/// A part of an object, in order.
pub(super) enum Piece {
    /// There is such an object. Comes once, before its bytes.
    Opened(Stored),
    Bytes(Bytes),
    /// All of the object has been sent. Without it, the load was cancelled.
    End,
    /// There is no such object, and the COPY can do without.
    Missing,
    Failed(CopyFailure),
}

/// An object whose pieces arrive.
pub(super) struct OpenObject {
    pub(super) url: String,
    /// What a manifest says of its size.
    pub(super) content_length: Option<u64>,
    pub(super) pieces: mpsc::Receiver<Piece>,
    /// Given back when the object has been consumed.
    pub(super) _permit: OwnedSemaphorePermit,
}

/// The objects of a COPY, in order; dropping `task` stops reading.
pub(super) struct Objects {
    pub(super) objects: mpsc::Receiver<Result<OpenObject, CopyFailure>>,
    pub(super) task: AbortOnDropHandle<()>,
}

/// Finds the first objects and begins to read them.
///
/// # Errors
/// A prefix under which there is nothing, a manifest that cannot be read, S3's own errors.
pub(super) async fn open(
    client: &Client,
    statement: &CopyStatement,
) -> Result<Objects, CopyFailure> {
    let mut listing = if statement.options.has(Flag::Manifest) {
        let wanted = read_manifest(client, &statement.source).await?;
        if matches!(statement.options.format, Format::Parquet | Format::Orc) {
            require_lengths(&wanted)?;
        }
        Listing { found: wanted.into(), prefix: None }
    } else {
        let prefix = Prefix { source: statement.source.clone(), continuation: None };
        Listing { found: VecDeque::new(), prefix: Some(prefix) }
    };
    let Some(first) = listing.next(client).await? else {
        return Err(nothing_found(statement).into());
    };
    let (sender, objects) = mpsc::channel(OBJECTS_AHEAD_MAX);
    let feeding = feed(client.clone(), first, listing, sender);
    Ok(Objects { objects, task: AbortOnDropHandle::new(tokio::spawn(feeding)) })
}

/// The refusal for a COPY that finds no object at all.
pub(super) fn nothing_found(statement: &CopyStatement) -> Refusal {
    let source = &statement.source;
    let message = match statement.options.has(Flag::Manifest) {
        true => format!("The manifest '{}' names no file that exists", source.key),
        false => format!("The specified S3 prefix '{}' does not exist", source.key),
    };
    Refusal::internal(S3_ERROR_CODE, message, "")
}

struct Prefix {
    source: CopySource,
    continuation: Option<String>,
}

/// What is still to load: found already, or on further pages of the bucket's list.
struct Listing {
    found: VecDeque<Wanted>,
    prefix: Option<Prefix>,
}

impl Listing {
    async fn next(&mut self, client: &Client) -> Result<Option<Wanted>, CopyFailure> {
        loop {
            if let Some(wanted) = self.found.pop_front() {
                return Ok(Some(wanted));
            }
            let Some(prefix) = &self.prefix else { return Ok(None) };
            let CopySource { bucket, key } = &prefix.source;
            let request = client.list_objects_v2().bucket(bucket).prefix(key);
            let request = request.set_continuation_token(prefix.continuation.clone());
            let page = request.send().await.map_err(|error| {
                s3_refusal("", &error, format!("Listing bucket={bucket} prefix={key}"))
            })?;
            for object in page.contents() {
                let Some(key) = object.key() else { continue };
                let object = CopySource { bucket: bucket.clone(), key: key.to_string() };
                // An object that vanishes after the listing is an error.
                let (mandatory, listed) = (true, true);
                self.found.push_back(Wanted { object, mandatory, listed, content_length: None });
            }
            let continuation = page.next_continuation_token().map(str::to_string);
            self.prefix = continuation.map(|continuation| Prefix {
                source: prefix.source.clone(),
                continuation: Some(continuation),
            });
        }
    }
}

async fn read_manifest(client: &Client, source: &CopySource) -> Result<Vec<Wanted>, CopyFailure> {
    let context = source.to_string();
    if source.key.is_empty() || source.key.ends_with('/') {
        let message = "COPY with MANIFEST parameter requires full path of an S3 object.";
        return Err(Refusal::internal(S3_ERROR_CODE, message, context).into());
    }
    let prefix = "Problem reading manifest file - ";
    let text = read_text(client, source, prefix).await?;
    manifest::parse(&text).map_err(|error| {
        Refusal::internal(S3_ERROR_CODE, format!("{prefix}{error}"), context).into()
    })
}

/// The paths of the JSONPaths file, if the statement names one that has any ("JSONPaths file").
pub(super) async fn read_jsonpaths(
    client: &Client,
    statement: &CopyStatement,
) -> Result<Option<Vec<Path>>, CopyFailure> {
    let (Format::Json(Mapping::Paths(source)) | Format::Avro(Mapping::Paths(source))) =
        &statement.options.format
    else {
        return Ok(None);
    };
    let text = read_text(client, source, "Problem reading JSONPaths file - ").await?;
    jsonpaths::parse(&text).map_err(|error| {
        let context = format!("S3 key being read : {source}");
        Refusal::internal(JSONPATHS_ERROR_CODE, error.to_string(), context).into()
    })
}

/// A small object, whole; never compressed or encrypted. `prefix` begins every error.
async fn read_text(
    client: &Client,
    source: &CopySource,
    prefix: &str,
) -> Result<Vec<u8>, CopyFailure> {
    let context = source.to_string();
    let request = client.get_object().bucket(&source.bucket).key(&source.key);
    let output =
        request.send().await.map_err(|error| s3_refusal(prefix, &error, context.clone()))?;
    let refuse = |reason: String| {
        Refusal::internal(S3_ERROR_CODE, format!("{prefix}{reason}"), context.clone())
    };
    let mut body = output.body;
    let mut text = Vec::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| refuse(error.to_string()))?;
        text.extend_from_slice(&piece);
        if text.len() > TEXT_BYTES_MAX {
            return Err(refuse(format!("it is larger than {TEXT_BYTES_MAX} bytes")).into());
        }
    }
    Ok(text)
}

/// "A meta key is required for files in PARQUET and ORC" ("Using a manifest to specify data files";
/// [wild]: awslabs/aws-lambda-redshift-loader #221).
fn require_lengths(wanted: &[Wanted]) -> Result<(), CopyFailure> {
    match wanted.iter().all(|wanted| wanted.content_length.is_some()) {
        true => Ok(()),
        false => {
            let message = "File entry does not have 'meta' key.";
            Err(Refusal::internal(MANIFEST_META_CODE, message, "").into())
        }
    }
}

/// Opens one object after the other, as there is room.
async fn feed(
    client: Client,
    first: Wanted,
    mut listing: Listing,
    objects: mpsc::Sender<Result<OpenObject, CopyFailure>>,
) {
    let room = Arc::new(Semaphore::new(OBJECTS_AHEAD_MAX));
    // Dropped with this future: no read outlives the COPY.
    let mut reads = JoinSet::new();
    let mut next = Ok(Some(first));
    loop {
        let wanted = match next {
            Ok(Some(wanted)) => wanted,
            Ok(None) => break,
            Err(failure) => {
                // Nobody listens any more: the load ended for another reason.
                let _ = objects.send(Err(failure)).await;
                break;
            }
        };
        let permit = room.clone().acquire_owned().await.expect("the semaphore is never closed");
        let (sender, pieces) = mpsc::channel(PIECES_AHEAD_MAX);
        let url = wanted.object.to_string();
        let content_length = wanted.content_length;
        let object = OpenObject { url, content_length, pieces, _permit: permit };
        if objects.send(Ok(object)).await.is_err() {
            return;
        }
        reads.spawn(read_object(client.clone(), wanted, sender));
        while reads.try_join_next().is_some() {}
        next = listing.next(&client).await;
    }
    while reads.join_next().await.is_some() {}
}

async fn read_object(client: Client, wanted: Wanted, pieces: mpsc::Sender<Piece>) {
    let last = match send_object(&client, &wanted, &pieces).await {
        Ok(last) => last,
        Err(failure) => Piece::Failed(failure),
    };
    // A closed channel means that the load ended for another reason.
    let _ = pieces.send(last).await;
}

/// Sends the bytes of an object; gives the piece that ends it. A body that breaks off is continued
/// where it broke: each byte is sent once.
async fn send_object(
    client: &Client,
    wanted: &Wanted,
    pieces: &mpsc::Sender<Piece>,
) -> Result<Piece, CopyFailure> {
    let context = || format!("S3 key being read : {}", wanted.object);
    let send = async |piece| pieces.send(piece).await.map_err(|_| CopyFailure::Cancelled);
    let mut sent_bytes = 0_u64;
    let mut entity_tag = None;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let request = client.get_object().bucket(&wanted.object.bucket).key(&wanted.object.key);
        let request = match sent_bytes {
            0 => request,
            _ => request.range(format!("bytes={sent_bytes}-")).set_if_match(entity_tag.take()),
        };
        let output = match request.send().await {
            Ok(output) => output,
            Err(error) if !wanted.listed && error.code() == Some("NoSuchKey") => {
                if wanted.mandatory {
                    // [wild]: uswitch/blueshift #3.
                    let message = "Mandatory url is not present in manifest file.";
                    return Err(Refusal::internal(S3_ERROR_CODE, message, context()).into());
                }
                return Ok(Piece::Missing);
            }
            Err(error) => return Err(s3_refusal("", &error, context()).into()),
        };
        if attempts == 1 {
            let entity_tag = output.e_tag().map(|tag| tag.trim_matches('"').to_owned());
            let last_modified = output.last_modified().and_then(|at| (*at).try_into().ok());
            send(Piece::Opened(Stored { entity_tag, last_modified })).await?;
        }
        entity_tag = output.e_tag;
        let mut body = output.body;
        loop {
            match body.next().await {
                None => return Ok(Piece::End),
                Some(Ok(mut bytes)) => {
                    sent_bytes += bytes.len() as u64;
                    while !bytes.is_empty() {
                        let piece = bytes.split_to(bytes.len().min(PIECE_BYTES_MAX));
                        send(Piece::Bytes(piece)).await?;
                    }
                }
                Some(Err(_)) if attempts < READ_ATTEMPTS_MAX => break,
                Some(Err(error)) => {
                    let message = format!("S3CurlException: {}", DisplayErrorContext(&error));
                    return Err(Refusal::internal(S3_ERROR_CODE, message, context()).into());
                }
            }
        }
    }
}

/// An error of S3 in Redshift's words ("S3ServiceException errors").
fn s3_refusal<E>(prefix: &str, error: &SdkError<E, HttpResponse>, context: String) -> Refusal
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let Some(response) = error.raw_response() else {
        let message = format!("{prefix}S3CurlException: {}", DisplayErrorContext(error));
        return Refusal::internal(S3_ERROR_CODE, message, context);
    };
    let header = |name: &str| response.headers().get(name).unwrap_or("").to_string();
    let message = format!(
        "{prefix}S3ServiceException:{},Status {},Error {},Rid {},ExtRid {},CanRetry 1",
        error.message().unwrap_or("no message"),
        response.status().as_u16(),
        error.code().unwrap_or("unknown"),
        header("x-amz-request-id"),
        header("x-amz-id-2"),
    );
    Refusal::internal(S3_ERROR_CODE, message, context)
}
