//! EXCEPTION blocks of procedures ("Trapping errors"): the only condition is OTHERS; the
//! transaction is rolled back, the handler runs in one of its own, which is committed, and the
//! exception is thrown again.
//!
//! Postgres executes the statements of such a block in a subtransaction, but its handler outside
//! of it, where it may end transactions. What ends one among the statements ends the block, too,
//! and begins another one with the same handler.

use std::ops::Range;

use super::{Piece, VERBS};
use crate::error::SqlError;
use crate::sql::tokens::{Kind, Token};

/// A block between BEGIN and END.
#[derive(Debug)]
struct Block {
    /// Behind BEGIN.
    begin: usize,
    /// Where END stands.
    end: usize,
    handler: Option<Handler>,
}

#[derive(Debug, Clone, Copy)]
struct Handler {
    /// Where EXCEPTION stands.
    exception: usize,
    /// Behind THEN.
    start: usize,
    /// Whether it executes SQL, for which it needs a transaction.
    executes: bool,
}

/// What a piece of a body stands in.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// The block whose statement it is, outside any IF and loop.
    block: Option<usize>,
    /// Whether it is in a loop of the innermost block.
    in_loop: bool,
}

/// The blocks of a body.
#[derive(Debug)]
pub(super) struct Blocks {
    blocks: Vec<Block>,
    /// By piece.
    places: Vec<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    Block(usize),
    Loop,
    Choice,
}

/// Changes to a body: what is to stand for a range of its bytes.
pub(super) type Changes = Vec<(Range<usize>, String)>;

impl Blocks {
    /// Reads the blocks of a body that was cut into `pieces`.
    pub(super) fn read(
        body: &str,
        significant: &[Token],
        pieces: &[Range<usize>],
    ) -> Result<Self, SqlError> {
        let mut read = Self { blocks: Vec::new(), places: Vec::new() };
        let mut frames = Vec::new();
        let mut at = 0;
        for piece in pieces {
            // What cut the pieces before: BEGIN and LOOP.
            while let Some(token) = significant.get(at).filter(|t| t.start() < piece.start) {
                read.cut(body, token, &mut frames);
                at += 1;
            }
            let words = significant[at..].iter().take_while(|token| token.start() < piece.end);
            let words: Vec<&Token> = words.collect();
            at += words.len();
            let texts: Vec<String> =
                words.iter().map(|word| word.text(body).to_ascii_lowercase()).collect();
            let innermost = frames.iter().rposition(|frame| matches!(frame, Frame::Block(_)));
            let block = frames.last().and_then(|frame| match frame {
                Frame::Block(block) => Some(*block),
                Frame::Loop | Frame::Choice => None,
            });
            let in_loop = innermost.is_some_and(|from| frames[from..].contains(&Frame::Loop));
            read.places.push(Place { block, in_loop });
            let then = significant.get(at).map_or(body.len(), Token::end);
            match (texts.first().map_or("", String::as_str), block) {
                ("end", _) => {
                    if let Some(Frame::Block(block)) = frames.pop() {
                        read.blocks[block].end = piece.start;
                    }
                }
                ("if" | "case", _) => frames.push(Frame::Choice),
                ("exception", Some(block)) => {
                    judge_condition(&texts)?;
                    let handler = Handler { exception: piece.start, start: then, executes: false };
                    read.blocks[block].handler = Some(handler);
                }
                ("when", Some(_)) => return Err(other_condition()),
                _ => {}
            }
        }
        for index in 0..read.blocks.len() {
            read.finish(index, body, pieces)?;
        }
        Ok(read)
    }

    fn cut(&mut self, body: &str, token: &Token, frames: &mut Vec<Frame>) {
        let is =
            |word: &str| token.kind == Kind::Word && token.text(body).eq_ignore_ascii_case(word);
        if is("begin") {
            frames.push(Frame::Block(self.blocks.len()));
            let (begin, end) = (token.end(), body.len());
            self.blocks.push(Block { begin, end, handler: None });
        } else if is("loop") {
            frames.push(Frame::Loop);
        }
    }

    /// Looks at the handler of a block, now that its end is known.
    fn finish(
        &mut self,
        index: usize,
        body: &str,
        pieces: &[Range<usize>],
    ) -> Result<(), SqlError> {
        let Block { begin, end, handler } = self.blocks[index];
        let Some(mut handler) = handler else { return Ok(()) };
        let inside = pieces.iter().filter(|piece| handler.start <= piece.start && piece.end <= end);
        handler.executes = inside.clone().any(|piece| executes(&body[piece.clone()]));
        self.blocks[index].handler = Some(handler);
        if handler.executes && self.trapping(begin - 1).is_some() {
            return Err(not_emulated(
                "an EXCEPTION block whose handler executes SQL in another EXCEPTION block",
                "execute the SQL in the outer handler",
            ));
        }
        Ok(())
    }

    /// The innermost block whose handler traps what happens at a byte.
    fn trapping(&self, at: usize) -> Option<usize> {
        self.blocks.iter().rposition(|block| {
            block.handler.is_some_and(|handler| block.begin <= at && at < handler.exception)
        })
    }

    /// The innermost block in whose handler a byte is.
    fn handling(&self, at: usize) -> Option<(usize, Handler)> {
        let found = self.blocks.iter().enumerate().rev().find(|(_, block)| {
            block.handler.is_some_and(|handler| handler.start <= at && at < block.end)
        });
        found.and_then(|(index, block)| block.handler.map(|handler| (index, handler)))
    }

    /// Adds what the handlers need to the changes of the pieces, which are `rewritten` one by one.
    pub(super) fn change(
        &self,
        body: &str,
        pieces: &[Range<usize>],
        rewritten: Vec<Piece>,
    ) -> Result<Changes, SqlError> {
        let mut changes = Changes::new();
        let mut parting = Vec::new();
        for (number, (range, piece)) in pieces.iter().zip(rewritten).enumerate() {
            let place = self.places.get(number).copied().unwrap_or_default();
            let text = self.leave(body, range, place, piece.text)?;
            let Some(ends) = piece.ends else {
                changes.push((range.clone(), text));
                continue;
            };
            match self.trapping(range.start) {
                None => changes.push((range.clone(), format!("{text}; {ends}"))),
                Some(block) if place.block == Some(block) && !self.is_trapped(block) => {
                    parting.push((block, range.clone(), text, ends));
                }
                Some(_) => {
                    return Err(not_emulated(
                        &format!(
                            "{} in an IF, a loop or a block inside of an EXCEPTION block",
                            body[range.clone()].split_whitespace().next().unwrap_or(ends)
                        ),
                        "put it behind the block",
                    ));
                }
            }
        }
        for block in &self.blocks {
            if let Some(handler) = block.handler {
                changes.push((handler.start..handler.start, begins(handler).to_owned()));
                changes.push((block.end..block.end, ends(handler).to_owned()));
            }
        }
        self.part(body, parting, &mut changes);
        Ok(changes)
    }

    /// Whether a block stands among the statements of one with a handler.
    fn is_trapped(&self, block: usize) -> bool {
        self.trapping(self.blocks[block].begin - 1).is_some()
    }

    /// RETURN ends a handler like any other: the exception is thrown again.
    fn leave(
        &self,
        body: &str,
        range: &Range<usize>,
        place: Place,
        text: String,
    ) -> Result<String, SqlError> {
        let Some((_, handler)) = self.handling(range.start) else { return Ok(text) };
        let mut words = body[range.clone()].split_whitespace();
        let first = words.next().unwrap_or_default().to_ascii_lowercase();
        match first.as_str() {
            "return" => Ok(ends(handler).trim_end_matches("; ").to_owned()),
            "exit" | "continue" if !place.in_loop => Err(not_emulated(
                &format!("{} out of an exception handler", first.to_uppercase()),
                "leave it out: the exception is thrown again at the end of the handler",
            )),
            _ => Ok(text),
        }
    }

    /// Parts blocks where one of their statements ends the transaction.
    fn part(
        &self,
        body: &str,
        parting: Vec<(usize, Range<usize>, String, &'static str)>,
        changes: &mut Changes,
    ) {
        let mut parted = Vec::new();
        for (index, range, text, ends) in parting {
            let block = &self.blocks[index];
            let Some(handler) = block.handler else { continue };
            let mut handling = String::new();
            let mut at = handler.exception;
            let mut inside: Vec<_> = changes
                .iter()
                .filter(|(range, _)| handler.exception <= range.start && range.end <= block.end)
                .collect();
            inside.sort_by_key(|(range, _)| (range.start, range.end));
            for (range, text) in inside {
                handling += &body[at..range.start];
                handling += text;
                at = range.end;
            }
            handling += &body[at..block.end];
            changes.push((range, format!("{text}; {handling}END; {ends}; BEGIN NULL")));
            if !parted.contains(&index) {
                parted.push(index);
            }
        }
        for index in parted {
            let Block { begin, end, .. } = self.blocks[index];
            changes.push((begin..begin, " BEGIN".to_owned()));
            changes.push((end..end, "END; ".to_owned()));
        }
    }
}

fn begins(handler: Handler) -> &'static str {
    if handler.executes { " ROLLBACK;" } else { "" }
}

fn ends(handler: Handler) -> &'static str {
    if handler.executes { "COMMIT; RAISE; " } else { "RAISE; " }
}

/// Whether a piece of a handler executes SQL.
fn executes(piece: &str) -> bool {
    let mut words = piece.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let first = words.next().unwrap_or_default().to_ascii_lowercase();
    ["execute", "commit", "fetch", "open", "perform"].contains(&first.as_str())
        || VERBS.contains(&first.as_str())
        || words.any(|word| word.eq_ignore_ascii_case("select"))
}

/// Judges `EXCEPTION WHEN …`.
fn judge_condition(words: &[String]) -> Result<(), SqlError> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["exception", "when", "others"] | ["exception", "exit_handler", "when", "others"] => Ok(()),
        ["exception", "continue_handler", ..] => {
            Err(not_emulated("CONTINUE_HANDLER", "it belongs to NONATOMIC procedures"))
        }
        _ => Err(other_condition()),
    }
}

fn other_condition() -> SqlError {
    let message = "Redshift does not support conditions of EXCEPTION other than OTHERS";
    SqlError::new("0A000", message).with_hint("use WHEN OTHERS, and look at SQLSTATE")
}

fn not_emulated(what: &str, hint: &str) -> SqlError {
    let message = format!("{what}: not emulated yet by this Redshift stand-in");
    SqlError::new("0A000", message).with_hint(hint)
}
