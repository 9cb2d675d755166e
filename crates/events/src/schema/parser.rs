//! Redshift's `CREATE TABLE` grammar, by recursive descent over the tokens.

use super::tokens::{Token, TokenKind, tokenize};
use super::{Column, ColumnType, SchemaError, Table};

/// Words that begin a column attribute, and so end a DEFAULT expression.
const ATTRIBUTE_WORDS: [&str; 13] = [
    "identity",
    "generated",
    "encode",
    "distkey",
    "sortkey",
    "collate",
    "not",
    "null",
    "unique",
    "primary",
    "references",
    "constraint",
    "default",
];

/// See [`Table::parse`].
pub(super) fn parse(sql: &str) -> Result<Table, SchemaError> {
    let mut parser = Parser { tokens: tokenize(sql)?, position: 0 };
    let mut found = None;
    while *parser.peek() != TokenKind::End {
        let (line, column) = parser.place();
        if !parser.accept_create_table() {
            parser.skip_statement();
        } else if found.is_some() {
            return Err(SchemaError::SecondTable { line, column });
        } else {
            found = Some(parser.create_table()?);
        }
    }
    found.ok_or(SchemaError::NoTable)
}

pub(super) struct Parser {
    tokens: Vec<Token>,
    position: usize,
}

impl Parser {
    fn token(&self) -> &Token {
        // The last token is the end, and `advance` never passes it.
        &self.tokens[self.position]
    }

    fn peek(&self) -> &TokenKind {
        &self.token().kind
    }

    fn place(&self) -> (usize, usize) {
        (self.token().line, self.token().column)
    }

    fn advance(&mut self) -> TokenKind {
        let kind = self.peek().clone();
        self.position = (self.position + 1).min(self.tokens.len() - 1);
        kind
    }

    fn at_word(&self, keyword: &str) -> bool {
        matches!(self.peek(), TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn accept(&mut self, keyword: &str) -> bool {
        let accepted = self.at_word(keyword);
        if accepted {
            self.advance();
        }
        accepted
    }

    /// Accepts all of `keywords` in this order, or nothing.
    fn accept_all(&mut self, keywords: &[&str]) -> bool {
        let start = self.position;
        let accepted = keywords.iter().all(|keyword| self.accept(keyword));
        if !accepted {
            self.position = start;
        }
        accepted
    }

    fn accept_sign(&mut self, sign: char) -> bool {
        let accepted = *self.peek() == TokenKind::Sign(sign);
        if accepted {
            self.advance();
        }
        accepted
    }

    fn expect(&mut self, keyword: &str) -> Result<(), SchemaError> {
        if self.accept(keyword) { Ok(()) } else { Err(self.unexpected(&keyword.to_uppercase())) }
    }

    fn expect_sign(&mut self, sign: char) -> Result<(), SchemaError> {
        if self.accept_sign(sign) { Ok(()) } else { Err(self.unexpected(&format!("\"{sign}\""))) }
    }

    fn unexpected(&self, expected: &str) -> SchemaError {
        let (line, column) = self.place();
        let found = self.peek().to_string();
        SchemaError::Unexpected { line, column, expected: expected.to_owned(), found }
    }

    fn name(&mut self, expected: &str) -> Result<String, SchemaError> {
        match self.peek() {
            TokenKind::Word(_) | TokenKind::Quoted(_) => match self.advance() {
                TokenKind::Word(name) | TokenKind::Quoted(name) => Ok(name.to_lowercase()),
                _ => unreachable!("peek and advance see the same token"),
            },
            _ => Err(self.unexpected(expected)),
        }
    }

    /// `name`, or `schema.name`, or `database.schema.name`: the last two parts.
    fn table_name(&mut self) -> Result<(Option<String>, String), SchemaError> {
        let mut schema = None;
        let mut name = self.name("the table's name")?;
        while self.accept_sign('.') {
            schema = Some(std::mem::replace(&mut name, self.name("a name after the dot")?));
        }
        Ok((schema, name))
    }

    fn accept_create_table(&mut self) -> bool {
        let start = self.position;
        let mut accepted = self.accept("create");
        if accepted {
            self.accept("local");
            let _temporary = self.accept("temporary") || self.accept("temp");
            accepted = self.accept("table");
        }
        if !accepted {
            self.position = start;
        }
        accepted
    }

    fn skip_statement(&mut self) {
        while *self.peek() != TokenKind::End && !self.accept_sign(';') {
            self.advance();
        }
    }

    /// From behind `CREATE TABLE` to behind the statement's semicolon.
    fn create_table(&mut self) -> Result<Table, SchemaError> {
        self.accept_all(&["if", "not", "exists"]);
        let (schema, name) = self.table_name()?;
        let mut table = Table { schema, name, columns: Vec::new() };
        self.expect_sign('(')?;
        loop {
            if !self.table_constraint(&mut table)? {
                let (line, column) = self.place();
                let declared = self.column()?;
                if table.column(&declared.name).is_some() {
                    let name = declared.name;
                    return Err(SchemaError::DuplicateColumn { line, column, name });
                }
                table.columns.push(declared);
            }
            if !self.accept_sign(',') {
                break;
            }
        }
        self.expect_sign(')')?;
        self.table_attributes()?;
        if *self.peek() != TokenKind::End {
            self.expect_sign(';')?;
        }
        Ok(table)
    }

    /// `[CONSTRAINT name] PRIMARY KEY (…) | UNIQUE (…) | FOREIGN KEY (…) REFERENCES …`; false if
    /// a column stands here instead.
    fn table_constraint(&mut self, table: &mut Table) -> Result<bool, SchemaError> {
        let named = self.accept("constraint");
        if named {
            self.name("the constraint's name")?;
        }
        if self.accept_all(&["primary", "key"]) {
            for name in self.name_list()? {
                for column in table.columns.iter_mut().filter(|column| column.name == name) {
                    column.not_null = true;
                }
            }
        } else if self.accept("unique") {
            self.name_list()?;
        } else if self.accept_all(&["foreign", "key"]) {
            self.name_list()?;
            self.expect("references")?;
            self.reference()?;
        } else if named {
            return Err(self.unexpected("PRIMARY KEY, UNIQUE or FOREIGN KEY"));
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn name_list(&mut self) -> Result<Vec<String>, SchemaError> {
        self.expect_sign('(')?;
        let mut names = vec![self.name("a column's name")?];
        while self.accept_sign(',') {
            names.push(self.name("a column's name")?);
        }
        self.expect_sign(')')?;
        Ok(names)
    }

    fn reference(&mut self) -> Result<(), SchemaError> {
        self.table_name()?;
        if *self.peek() == TokenKind::Sign('(') {
            self.name_list()?;
        }
        Ok(())
    }

    fn column(&mut self) -> Result<Column, SchemaError> {
        let name = self.name("a column's name")?;
        let column_type = self.column_type()?;
        let mut column = Column { name, column_type, not_null: false, identity: false };
        while self.column_attribute(&mut column)? {}
        Ok(column)
    }

    /// Reads one attribute or constraint of a column; false if none stands here.
    fn column_attribute(&mut self, column: &mut Column) -> Result<bool, SchemaError> {
        if self.accept_all(&["not", "null"]) || self.accept_all(&["primary", "key"]) {
            column.not_null = true;
        } else if self.accept("default") {
            self.skip_default()?;
        } else if self.accept("identity")
            || self.accept_all(&["generated", "by", "default", "as", "identity"])
        {
            column.identity = true;
            self.skip_parentheses()?;
        } else if self.accept("encode") {
            self.name("an encoding")?;
        } else if self.accept("collate") {
            self.name("a collation")?;
        } else if self.accept("references") {
            self.reference()?;
        } else {
            let plain = ["null", "unique", "distkey", "sortkey"];
            return Ok(plain.iter().any(|keyword| self.accept(keyword)));
        }
        Ok(true)
    }

    /// A DEFAULT expression reaches to the next attribute, comma or closing parenthesis.
    fn skip_default(&mut self) -> Result<(), SchemaError> {
        let mut is_first = true;
        loop {
            let ends = match self.peek() {
                TokenKind::End | TokenKind::Sign(',' | ')' | ';') => true,
                TokenKind::Word(word) => {
                    !is_first && ATTRIBUTE_WORDS.contains(&word.to_lowercase().as_str())
                }
                _ => false,
            };
            if ends && is_first {
                return Err(self.unexpected("a default value"));
            }
            if ends {
                return Ok(());
            }
            if *self.peek() == TokenKind::Sign('(') {
                self.skip_parentheses()?;
            } else {
                self.advance();
            }
            is_first = false;
        }
    }

    fn skip_parentheses(&mut self) -> Result<(), SchemaError> {
        self.expect_sign('(')?;
        let mut depth = 1_usize;
        while 0 < depth {
            match self.peek() {
                TokenKind::End => return Err(self.unexpected("\")\"")),
                TokenKind::Sign('(') => depth += 1,
                TokenKind::Sign(')') => depth -= 1,
                _ => {}
            }
            self.advance();
        }
        Ok(())
    }

    /// `BACKUP`, `DISTSTYLE`, `DISTKEY (…)`, `[COMPOUND | INTERLEAVED] SORTKEY (…)`, `ENCODE AUTO`.
    fn table_attributes(&mut self) -> Result<(), SchemaError> {
        loop {
            if self.accept("backup") || self.accept("diststyle") {
                self.name("a word")?;
            } else if self.accept("distkey") {
                self.name_list()?;
            } else if self.accept("compound") || self.accept("interleaved") {
                self.expect("sortkey")?;
                self.name_list()?;
            } else if self.accept("sortkey") {
                if !self.accept("auto") {
                    self.name_list()?;
                }
            } else if self.accept("encode") {
                self.expect("auto")?;
            } else if matches!(self.peek(), TokenKind::End | TokenKind::Sign(';')) {
                return Ok(());
            } else {
                return Err(self.unexpected(
                    "BACKUP, DISTSTYLE, DISTKEY, SORTKEY, ENCODE AUTO or the statement's end",
                ));
            }
        }
    }

    fn column_type(&mut self) -> Result<ColumnType, SchemaError> {
        let (line, column) = self.place();
        let word = match self.peek() {
            TokenKind::Word(word) => word.clone(),
            _ => return Err(self.unexpected("a column type")),
        };
        self.advance();
        Ok(match word.to_lowercase().as_str() {
            "smallint" | "int2" => ColumnType::SmallInt,
            "integer" | "int" | "int4" => ColumnType::Integer,
            "bigint" | "int8" => ColumnType::BigInt,
            "decimal" | "numeric" | "dec" => self.decimal()?,
            "real" | "float4" => ColumnType::Real,
            "float8" => ColumnType::DoublePrecision,
            "float" => match self.length("the precision of FLOAT", 1, 53, None)? {
                Some(1..=24) => ColumnType::Real,
                _ => ColumnType::DoublePrecision,
            },
            "double" => {
                self.expect("precision")?;
                ColumnType::DoublePrecision
            }
            "boolean" | "bool" => ColumnType::Boolean,
            "character" if self.accept("varying") => self.varchar()?,
            "char" | "character" | "nchar" => self.char(1)?,
            "bpchar" => self.char(256)?,
            "varchar" | "nvarchar" => self.varchar()?,
            "text" => {
                self.length("the length of TEXT", 1, 65_535, Some(65_535))?;
                ColumnType::Varchar(256)
            }
            "date" => ColumnType::Date,
            "time" => self.zoned(ColumnType::Time, ColumnType::TimeTz)?,
            "timetz" => ColumnType::TimeTz,
            "timestamp" => self.zoned(ColumnType::Timestamp, ColumnType::TimestampTz)?,
            "timestamptz" => ColumnType::TimestampTz,
            "super" => ColumnType::Super,
            "varbyte" | "varbinary" => self.varbyte()?,
            "binary" => {
                self.expect("varying")?;
                self.varbyte()?
            }
            "geometry" => ColumnType::Opaque("GEOMETRY"),
            "geography" => ColumnType::Opaque("GEOGRAPHY"),
            "hllsketch" => ColumnType::Opaque("HLLSKETCH"),
            "interval" => self.interval()?,
            _ => return Err(SchemaError::UnknownType { line, column, name: word }),
        })
    }

    /// `(n)`, or `(MAX)` where `max` is given; `None` if no parenthesis stands here.
    fn length(
        &mut self,
        what: &'static str,
        minimum: u32,
        maximum: u32,
        max: Option<u32>,
    ) -> Result<Option<u32>, SchemaError> {
        if !self.accept_sign('(') {
            return Ok(None);
        }
        let length = match max {
            Some(max) if self.accept("max") => max,
            _ => self.number(what, minimum, maximum)?,
        };
        self.expect_sign(')')?;
        Ok(Some(length))
    }

    fn number(
        &mut self,
        what: &'static str,
        minimum: u32,
        maximum: u32,
    ) -> Result<u32, SchemaError> {
        let (line, column) = self.place();
        let TokenKind::Number(value) = self.peek().clone() else {
            return Err(self.unexpected(what));
        };
        self.advance();
        match value.parse() {
            Ok(number) if (minimum..=maximum).contains(&number) => Ok(number),
            _ => Err(SchemaError::OutOfRange { line, column, what, minimum, maximum, value }),
        }
    }

    fn decimal(&mut self) -> Result<ColumnType, SchemaError> {
        let (mut precision, mut scale) = (18, 0);
        if self.accept_sign('(') {
            precision = self.number("the precision of DECIMAL", 1, 38)?;
            if self.accept_sign(',') {
                scale = self.number("the scale of DECIMAL", 0, precision.min(37))?;
            }
            self.expect_sign(')')?;
        }
        Ok(ColumnType::Decimal { precision, scale })
    }

    fn char(&mut self, default: u32) -> Result<ColumnType, SchemaError> {
        let length = self.length("the length of CHAR", 1, 4096, Some(4096))?;
        Ok(ColumnType::Char(length.unwrap_or(default)))
    }

    fn varchar(&mut self) -> Result<ColumnType, SchemaError> {
        let length = self.length("the length of VARCHAR", 1, 65_535, Some(65_535))?;
        Ok(ColumnType::Varchar(length.unwrap_or(256)))
    }

    fn varbyte(&mut self) -> Result<ColumnType, SchemaError> {
        let length = self.length("the length of VARBYTE", 1, 1_024_000, None)?;
        Ok(ColumnType::Varbyte(length.unwrap_or(64_000)))
    }

    fn zoned(&mut self, bare: ColumnType, zoned: ColumnType) -> Result<ColumnType, SchemaError> {
        self.length("the precision of a time", 0, 6, None)?;
        if self.accept_all(&["with", "time", "zone"]) {
            return Ok(zoned);
        }
        self.accept_all(&["without", "time", "zone"]);
        Ok(bare)
    }

    /// `INTERVAL YEAR TO MONTH` or `INTERVAL DAY TO SECOND [(p)]`.
    fn interval(&mut self) -> Result<ColumnType, SchemaError> {
        let units = ["year", "month", "day", "hour", "minute", "second"];
        while units.iter().any(|unit| self.accept(unit)) || self.accept("to") {}
        self.length("the precision of INTERVAL", 0, 6, None)?;
        Ok(ColumnType::Opaque("INTERVAL"))
    }
}
