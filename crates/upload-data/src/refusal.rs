//! What the words of a COPY that was refused say: who is to blame.
//!
//! Redshift has one SQLSTATE, XX000, for a broken object and for an S3 that is unwell; only the
//! text tells them apart. An object may be set aside for what it holds, never because S3, the
//! role or the cluster keep COPY from reading it.

/// Who is to blame for a COPY that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// S3, or the way there, is unwell for now.
    Passing,
    /// The statement, the role, the bucket, the manifest or the cluster: whatever is to be read.
    Surroundings,
    /// S3 does not let COPY read an object: what it holds is unknown.
    Access {
        /// There is no such object any more.
        is_missing: bool,
    },
    /// What an object holds.
    Content,
    /// Nobody whom we know from these words.
    Unknown,
}

/// What passes by itself. Database Developer Guide, "S3ServiceException errors": InternalError and
/// SlowDown are to be tried again; S3CurlException is a connection that did not come about or broke.
const PASSING: [&str; 10] = [
    "s3curlexception",
    "curl error",
    "timed out",
    "timeout was reached",
    "connection reset",
    "could not connect to",
    "slowdown",
    "requesttimeout",
    "internalerror",
    "serviceunavailable",
];

/// S3's codes (Amazon S3 API Reference, "Error responses") that no object can help.
const OF_ALL_OBJECTS: [&str; 13] = [
    "expiredtoken",
    "invalidtoken",
    "invalidaccesskeyid",
    "signaturedoesnotmatch",
    "requesttimetooskewed",
    "accountproblem",
    "allaccessdisabled",
    "nosuchbucket",
    "invalidbucketname",
    "permanentredirect",
    "temporaryredirect",
    "authorizationheadermalformed",
    "illegallocationconstraintexception",
];

/// What codecs and parsers say; "load error" tables list rows.
const CONTENT: [&str; 8] =
    ["inflate", "decompress", "gzip", "zstd", "lzop", "json", "load_error", "utf8"];

/// The role, the rights, the manifest, the disk (error 1016), the memory.
const SURROUNDINGS: [&str; 14] = [
    "disk full",
    "code: 1016",
    "out of memory",
    "credential",
    "assume",
    "iam role",
    "iam_role",
    "role arn",
    "arn:aws",
    "not authorized",
    "unauthorized",
    "access denied",
    "permission denied",
    "manifest",
];

/// Judges a refusal by its SQLSTATE and its message, DETAIL included.
pub(crate) fn blame(sqlstate: &str, message: &str) -> Blame {
    // XX: what Redshift meets while it reads (8001, 9001, …); 22: what data are like.
    if !["XX", "22"].iter().any(|class| sqlstate.starts_with(class)) {
        return Blame::Surroundings;
    }
    let said = without_urls(message).to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if let Some((_, refusal)) = said.split_once("s3serviceexception") {
        return blame_for_s3(&said, refusal);
    }
    // A file that was there when the manifest was written.
    if said.contains("mandatory url is not present in manifest file") {
        return Blame::Access { is_missing: true };
    }
    if says(&CONTENT) && !says(&["s3curlexception", "jsonpath"]) {
        Blame::Content
    } else if says(&PASSING) {
        Blame::Passing
    } else if says(&SURROUNDINGS) {
        Blame::Surroundings
    } else {
        Blame::Unknown
    }
}

/// `:Access Denied,Status 403,Error AccessDenied,Rid …` is what follows the exception's name.
fn blame_for_s3(said: &str, refusal: &str) -> Blame {
    let after = |word: &str| {
        let (_, rest) = refusal.split_once(word)?;
        rest.split(|it: char| !it.is_ascii_alphanumeric() && it != '.').next()
    };
    let status: u16 = after("status ").and_then(|status| status.parse().ok()).unwrap_or_default();
    let code = after(",error ").or_else(|| after(", error ")).unwrap_or_default();
    let is_passing = [408, 429].contains(&status)
        || 500 <= status
        || code.starts_with("throttl")
        || code.starts_with("toomanyrequests")
        || PASSING.iter().any(|word| refusal.contains(word));
    let is_of_all = OF_ALL_OBJECTS.contains(&code)
        || said.contains("manifest file")
        || said.contains("listing bucket")
        || (300..400).contains(&status);
    match (is_passing, is_of_all) {
        (true, _) => Blame::Passing,
        (_, true) => Blame::Surroundings,
        _ => Blame::Access { is_missing: code == "nosuchkey" || status == 404 },
    }
}

/// The message without the names of objects, which may hold any word.
fn without_urls(message: &str) -> String {
    let mut parts = message.split("s3://");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // In a DETAIL the next line begins with `query:`; a key may have blanks.
        let end = part.find(" query:").or_else(|| part.find(char::is_whitespace));
        kept.push_str(&part[end.unwrap_or(part.len())..]);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: Blame, messages: &[&str]) {
        for message in messages {
            assert_eq!(blame("XX000", message), expected, "{message}");
            assert_eq!(blame("42501", message), Blame::Surroundings, "{message}");
        }
    }

    fn detail(error: &str, url: &str) -> String {
        format!("{error}: error:  {error} code: 8001 context:   S3 key being read : {url} query: 7")
    }

    #[test]
    fn what_passes_is_told_from_what_an_object_or_the_rights_are_like() {
        check(
            Blame::Passing,
            &[
                "S3ServiceException:Please reduce your request rate.,Status 503,Error SlowDown,Rid R",
                "S3ServiceException:We encountered an internal error.,Status 500,Error InternalError",
                "S3ServiceException:Idle,Status 400,Error RequestTimeout,Rid R,CanRetry 1",
                "S3ServiceException:slow down,Status 429,Error TooManyRequestsException,Rid R",
                "Problem reading manifest file - S3ServiceException:x,Status 503,Error SlowDown",
                "S3CurlException: Connection timed out after 50000 milliseconds, CurlError 28",
            ],
        );
        check(
            Blame::Surroundings,
            &[
                "Problem reading manifest file - S3ServiceException:Access Denied,Status 403,Error \
                 AccessDenied,Rid R",
                "S3ServiceException:The provided token has expired.,Status 400,Error ExpiredToken",
                "S3ServiceException:no,Status 404,Error NoSuchBucket,Rid R",
                "S3ServiceException:elsewhere,Status 301,Error PermanentRedirect,Rid R",
                "Disk Full: error:  Disk Full code:      1016 context:   node: 3",
                "User arn:aws:redshift:us-east-1:1:dbuser:c/u is not authorized to assume IAM Role",
                "The manifest 'm' names no file that exists",
            ],
        );
        let missing = "S3ServiceException:gone,Status 404,Error NoSuchKey,Rid R";
        check(Blame::Access { is_missing: true }, &[missing, &detail(missing, "s3://b/a.json")]);
        let missing = "Mandatory url is not present in manifest file.";
        check(Blame::Access { is_missing: true }, &[missing, &detail(missing, "s3://b/a.json")]);
        let denied =
            "S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid R,ExtRid E";
        check(
            Blame::Access { is_missing: false },
            &[
                "S3ServiceException: Access Denied",
                denied,
                &detail(denied, "s3://b/SlowDown/manifest file.json"),
                "S3ServiceException:k,Status 400,Error KMS.DisabledException,Rid R",
            ],
        );
    }

    #[test]
    fn what_an_object_holds_is_judged_by_the_words_and_never_by_its_key() {
        let inflate = "failed to inflate with gzip: invalid header.";
        check(
            Blame::Content,
            &[
                inflate,
                &detail(inflate, "s3://b/role/S3ServiceException Status 503, SlowDown.json"),
                "Load into table 't' failed.  Check 'stl_load_errors' system table for details.",
                "Invalid JSON: unexpected token",
            ],
        );
        check(Blame::Unknown, &["on command", &detail("Assert", "s3://b/gzip SlowDown.json.gz")]);
        assert_eq!(blame("22P02", "on command"), Blame::Unknown);
    }
}
