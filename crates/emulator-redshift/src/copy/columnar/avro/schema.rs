//! The schema of an Avro file, as its header has it (Avro specification 1.11, "Schema declaration").

use std::collections::HashMap;

use serde_json::Value;

use crate::copy::columnar::input::FileError;

/// A place in [`Schema`].
pub(super) type NodeId = usize;

/// All types of a file; named ones may refer to each other, and to themselves.
#[derive(Debug, Default)]
pub(super) struct Schema {
    nodes: Vec<Node>,
    names: HashMap<String, NodeId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize),
    Enum(Vec<String>),
    Array(NodeId),
    Map(NodeId),
    Union(Vec<NodeId>),
    Record(Vec<(String, NodeId)>),
    /// An int: days since 1970.
    Date,
    /// An int: milliseconds of the day.
    TimeMillis,
    /// A long: microseconds of the day.
    TimeMicros,
    /// A long: so many in a second since 1970.
    Timestamp(i64),
    /// Bytes, or a fixed number of them: a number without its point.
    Decimal {
        fixed: Option<usize>,
        scale: u32,
    },
}

impl Schema {
    /// Reads `avro.schema`; gives its root.
    pub(super) fn parse(text: &[u8]) -> Result<(Schema, NodeId), FileError> {
        // `serde_json` refuses what is nested deeper than 128 levels.
        let json: Value = serde_json::from_slice(text).map_err(|_| malformed())?;
        let mut schema = Schema::default();
        let root = schema.node(&json, "")?;
        Ok((schema, root))
    }

    pub(super) fn get(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn node(&mut self, json: &Value, namespace: &str) -> Result<NodeId, FileError> {
        match json {
            Value::String(name) => self.named(name, namespace),
            Value::Array(branches) => {
                let branches: Result<Vec<NodeId>, FileError> =
                    branches.iter().map(|branch| self.node(branch, namespace)).collect();
                let branches = branches?;
                Ok(self.add(Node::Union(branches)))
            }
            Value::Object(_) => self.declared(json, namespace),
            _ => Err(malformed()),
        }
    }

    /// A primitive type, or one that was declared before.
    fn named(&mut self, name: &str, namespace: &str) -> Result<NodeId, FileError> {
        if let Some(node) = primitive(name) {
            return Ok(self.add(node));
        }
        let known = self.names.get(&full_name(name, namespace)).or_else(|| self.names.get(name));
        known.copied().ok_or_else(malformed)
    }

    fn declared(&mut self, json: &Value, namespace: &str) -> Result<NodeId, FileError> {
        let kind = json.get("type").ok_or_else(malformed)?;
        let Value::String(kind) = kind else {
            return self.node(kind, namespace);
        };
        let part = |name: &str| json.get(name).ok_or_else(malformed);
        match kind.as_str() {
            "record" | "error" => self.record(json, namespace),
            "enum" => {
                let symbols: Option<Vec<String>> = part("symbols")?.as_array().and_then(|list| {
                    list.iter().map(|symbol| symbol.as_str().map(str::to_string)).collect()
                });
                let node = Node::Enum(symbols.ok_or_else(malformed)?);
                self.declare(json, namespace, node)
            }
            "fixed" => {
                let size = part("size")?.as_u64().and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or_else(malformed)?;
                let node = match json.get("logicalType").and_then(Value::as_str) {
                    Some("decimal") => Node::Decimal { fixed: Some(size), scale: scale(json)? },
                    _ => Node::Fixed(size),
                };
                self.declare(json, namespace, node)
            }
            "array" => {
                let element = self.node(part("items")?, namespace)?;
                Ok(self.add(Node::Array(element)))
            }
            "map" => {
                let element = self.node(part("values")?, namespace)?;
                Ok(self.add(Node::Map(element)))
            }
            _ => match logical(kind, json)? {
                Some(node) => Ok(self.add(node)),
                None => self.named(kind, namespace),
            },
        }
    }

    /// The name is known before the fields are read: they may refer to it.
    fn record(&mut self, json: &Value, namespace: &str) -> Result<NodeId, FileError> {
        let id = self.declare(json, namespace, Node::Record(Vec::new()))?;
        let inner = match json.get("name").and_then(Value::as_str).and_then(|n| n.rsplit_once('.'))
        {
            Some((inner, _)) => inner,
            None => json.get("namespace").and_then(Value::as_str).unwrap_or(namespace),
        };
        let fields = json.get("fields").and_then(Value::as_array).ok_or_else(malformed)?;
        let mut nodes = Vec::with_capacity(fields.len());
        for field in fields {
            let name = field.get("name").and_then(Value::as_str).ok_or_else(malformed)?;
            let node = self.node(field.get("type").ok_or_else(malformed)?, inner)?;
            nodes.push((name.to_string(), node));
        }
        self.nodes[id] = Node::Record(nodes);
        Ok(id)
    }

    fn declare(&mut self, json: &Value, outer: &str, node: Node) -> Result<NodeId, FileError> {
        let name = json.get("name").and_then(Value::as_str).ok_or_else(malformed)?;
        let namespace = json.get("namespace").and_then(Value::as_str).unwrap_or(outer);
        let id = self.add(node);
        self.names.insert(full_name(name, namespace), id);
        Ok(id)
    }
}

fn primitive(name: &str) -> Option<Node> {
    Some(match name {
        "null" => Node::Null,
        "boolean" => Node::Boolean,
        "int" => Node::Int,
        "long" => Node::Long,
        "float" => Node::Float,
        "double" => Node::Double,
        "bytes" => Node::Bytes,
        "string" => Node::String,
        _ => return None,
    })
}

/// A logical type on a primitive one; an unknown one, or one on the wrong type, says nothing.
fn logical(kind: &str, json: &Value) -> Result<Option<Node>, FileError> {
    let Some(name) = json.get("logicalType").and_then(Value::as_str) else { return Ok(None) };
    Ok(Some(match (kind, name.strip_prefix("local-").unwrap_or(name)) {
        ("int", "date") => Node::Date,
        ("int", "time-millis") => Node::TimeMillis,
        ("long", "time-micros") => Node::TimeMicros,
        ("long", "timestamp-millis") => Node::Timestamp(1_000),
        ("long", "timestamp-micros") => Node::Timestamp(1_000_000),
        ("long", "timestamp-nanos") => Node::Timestamp(1_000_000_000),
        ("bytes", "decimal") => Node::Decimal { fixed: None, scale: scale(json)? },
        _ => return Ok(None),
    }))
}

fn scale(json: &Value) -> Result<u32, FileError> {
    let scale = json.get("scale").map_or(Some(0), Value::as_u64);
    // Redshift has no more digits than 38 ("Numeric types").
    scale.filter(|scale| *scale <= 38).map(|scale| scale as u32).ok_or_else(malformed)
}

fn full_name(name: &str, namespace: &str) -> String {
    match name.contains('.') || namespace.is_empty() {
        true => name.to_string(),
        false => format!("{namespace}.{name}"),
    }
}

fn malformed() -> FileError {
    FileError::Malformed("Its schema cannot be read")
}
