//! Takes signatures off requests, unread: the kit lets in whoever knocks.
//!
//! `s3s` refuses a signed request unless it can verify it, which needs the secret, and a local kit
//! knows only its own. What a signature says besides who signed is heeded: a presigned URL expires.
//! API Reference, "Authenticating Requests: Using Query Parameters".

use http::Uri;
use http::request::Parts;
use time::PrimitiveDateTime;
use time::macros::format_description;

use crate::error::Refusal;
use crate::limits;

/// Query parameters of a signature of version 4, then 2.
const V4_PARAMETERS: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
];
const V2_PARAMETERS: [&str; 3] = ["AWSAccessKeyId", "Signature", "Expires"];

/// Makes a signed request look unsigned. Refuses one whose presigned URL has expired.
pub(crate) fn unsign(parts: &mut Parts, now_s: u64) -> Result<(), Refusal> {
    parts.headers.remove(http::header::AUTHORIZATION);
    let Some(query) = parts.uri.query() else { return Ok(()) };
    let parameters = if value(query, "X-Amz-Signature").is_some() {
        check_v4(query, now_s)?;
        V4_PARAMETERS.as_slice()
    } else if value(query, "AWSAccessKeyId").and(value(query, "Signature")).is_some() {
        check_v2(query, now_s)?;
        V2_PARAMETERS.as_slice()
    } else {
        return Ok(());
    };
    let rest: Vec<&str> = query
        .split('&')
        .filter(|field| !parameters.contains(&field.split('=').next().unwrap_or_default()))
        .collect();
    let path = parts.uri.path();
    let path_and_query =
        if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) };
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    uri.path_and_query = path_and_query.parse().ok();
    parts.uri = Uri::from_parts(uri).expect("a URI with less of its query");
    Ok(())
}

fn check_v4(query: &str, now_s: u64) -> Result<(), Refusal> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let signed = value(query, "X-Amz-Date")
        .and_then(|date| PrimitiveDateTime::parse(date, format).ok())
        .and_then(|date| u64::try_from(date.assume_utc().unix_timestamp()).ok());
    let (Some(signed_s), Some(expires)) = (signed, value(query, "X-Amz-Expires")) else {
        return Err(Refusal::BadQueryAuthorization(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, \
             X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and \
             X-Amz-Expires parameters.",
        ));
    };
    let Ok(expires_s) = expires.parse::<u64>() else {
        return Err(Refusal::BadQueryAuthorization("X-Amz-Expires should be a number"));
    };
    if limits::PRESIGNED_EXPIRES_S_MAX < expires_s {
        return Err(Refusal::BadQueryAuthorization(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given \
             X-Amz-Expires must be less than 604800 seconds",
        ));
    }
    if signed_s.saturating_add(expires_s) < now_s { Err(Refusal::Expired) } else { Ok(()) }
}

fn check_v2(query: &str, now_s: u64) -> Result<(), Refusal> {
    match value(query, "Expires").and_then(|at_s| at_s.parse::<u64>().ok()) {
        Some(at_s) if now_s <= at_s => Ok(()),
        _ => Err(Refusal::Expired),
    }
}

fn value<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query
        .split('&')
        .filter_map(|field| field.split_once('='))
        .find_map(|(field, value)| if field == name { Some(value) } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-02T03:04:05Z.
    const NOW_S: u64 = 1_767_323_045;

    fn unsigned(uri: &str) -> Result<String, Refusal> {
        let request = http::Request::builder().uri(uri).header("authorization", "AWS4-HMAC-SHA256");
        let mut parts = request.body(()).unwrap().into_parts().0;
        unsign(&mut parts, NOW_S)?;
        assert!(parts.headers.is_empty(), "the header is gone");
        Ok(parts.uri.to_string())
    }

    #[test]
    fn a_signature_is_taken_off_and_all_else_stays() {
        let check = |uri: &str, expected: &str| assert_eq!(unsigned(uri).unwrap(), expected);
        let v4 = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k%2F20260102&X-Amz-Date=\
                  20260102T030400Z&X-Amz-Expires=10&X-Amz-SignedHeaders=host&X-Amz-Signature=ab";
        check("/bucket/key", "/bucket/key");
        check("/bucket?list-type=2&prefix=a%2Fb", "/bucket?list-type=2&prefix=a%2Fb");
        check(&format!("/b/k%20k?{v4}"), "/b/k%20k");
        check(
            &format!("/b/k?x-id=GetObject&{v4}&partNumber=1"),
            "/b/k?x-id=GetObject&partNumber=1",
        );
        check("/b/k?AWSAccessKeyId=k&Signature=a%3D&Expires=1767323045&a", "/b/k?a");
        check("/b/k?Expires=1", "/b/k?Expires=1");
    }

    #[test]
    fn a_presigned_url_lives_as_long_as_it_says() {
        let check = |query: &str, expected: Refusal| {
            assert_eq!(unsigned(&format!("/b/k?{query}")).unwrap_err(), expected, "{query}");
        };
        check("AWSAccessKeyId=k&Signature=a&Expires=1767323044", Refusal::Expired);
        check("X-Amz-Date=20260102T030400Z&X-Amz-Expires=4&X-Amz-Signature=ab", Refusal::Expired);
        for query in [
            "X-Amz-Date=20260102T030400Z&X-Amz-Signature=ab",
            "X-Amz-Date=20260102T030400Z&X-Amz-Expires=x&X-Amz-Signature=ab",
            "X-Amz-Date=20260102T030400Z&X-Amz-Expires=604801&X-Amz-Signature=ab",
            "X-Amz-Date=today&X-Amz-Expires=60&X-Amz-Signature=ab",
        ] {
            let refused = unsigned(&format!("/b/k?{query}")).unwrap_err();
            assert!(matches!(refused, Refusal::BadQueryAuthorization(_)), "{query}: {refused}");
        }
    }
}
