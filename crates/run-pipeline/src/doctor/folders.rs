//! Whether the pipeline may do in each part of the bucket what it does there: rights in S3 are often
//! given by prefix.

use aws_sdk_s3::primitives::ByteStream;
use upload_data::archive::AfterLoad;
use uuid::Uuid;

use super::aws::Probe;
use super::report::Report;
use crate::resources::Refusal;

/// What is done under one prefix, beside writing.
struct Folder {
    /// Ends with a slash.
    prefix: String,
    is_read: bool,
    is_deleted_from: bool,
}

/// As `consume-events` and `upload-data` need them, and `visualize` if it puts its files there.
fn folders(prefix: &str, after_load: AfterLoad, charts: Option<String>) -> Vec<Folder> {
    let folder = |name, is_read, is_deleted_from| {
        let prefix = format!("{prefix}{name}/");
        Folder { prefix, is_read, is_deleted_from }
    };
    let mut folders = vec![
        folder("events", true, after_load != AfterLoad::Keep),
        folder("manifests", true, true),
        folder("rejected", false, false),
    ];
    if after_load == AfterLoad::Archive {
        folders.push(folder("archive", false, false));
    }
    let charts = charts.map(|prefix| Folder { prefix, is_read: false, is_deleted_from: false });
    folders.extend(charts);
    folders
}

/// Writes, reads and deletes an empty object under each prefix. Its key ends with a slash, as that
/// of a folder in a console does: no upload takes it for events. `charts` is where charts go.
pub(super) async fn examine(
    report: &mut Report,
    probe: &Probe,
    upload: &upload_data::Config,
    charts: Option<String>,
) {
    let name = format!("doctor-{}", Uuid::new_v4());
    let mut well = Vec::new();
    for folder in folders(&upload.bucket.prefix, upload.after_load, charts) {
        let key = format!("{}{name}/", folder.prefix);
        if try_folder(report, probe, &folder, &key).await {
            well.push(folder.prefix);
        }
    }
    if !well.is_empty() {
        let text = format!("what the pipeline does under {} is allowed", well.join(", "));
        report.ok("bucket", text);
    }
}

/// Whether all is allowed there.
async fn try_folder(report: &mut Report, probe: &Probe, folder: &Folder, key: &str) -> bool {
    let Probe { s3, bucket, .. } = probe;
    let mut refuse = |doing: &str, action: &str, refusal: Refusal| {
        report.fail(
            "bucket",
            format!("{doing} s3://{bucket}/{key}: {refusal}"),
            refusal.hint(action),
        );
        false
    };
    let put = s3.put_object().bucket(bucket).key(key).body(ByteStream::from_static(b""));
    if let Err(error) = put.send().await {
        return refuse("write", "s3:PutObject", Refusal::of(error));
    }
    let mut is_well = true;
    if folder.is_read
        && let Err(error) = s3.get_object().bucket(bucket).key(key).send().await
    {
        is_well = refuse("read", "s3:GetObject", Refusal::of(error));
    }
    match s3.delete_object().bucket(bucket).key(key).send().await {
        Ok(_) => is_well,
        Err(error) if folder.is_deleted_from => {
            refuse("delete", "s3:DeleteObject", Refusal::of(error))
        }
        Err(error) => {
            let text = format!("s3://{bucket}/{key} stays there: {}", Refusal::of(error));
            report.warn("bucket", text, "the pipeline deletes nothing there; delete it by hand");
            is_well
        }
    }
}
