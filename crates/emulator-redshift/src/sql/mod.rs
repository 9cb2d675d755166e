//! Just enough SQL to find statements and keywords: tokens, not grammar.
//!
//! Works with Redshift's rules for literals (a backslash escapes in every plain string). Decides
//! nothing: what a statement means is the business of `classify` and `rewrite`.

pub(crate) mod quotes;
pub(crate) mod statement;
pub(crate) mod tokens;
