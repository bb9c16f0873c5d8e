//! The graph of an ONNX file: its values, and where it can be cut in two.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use rten_onnx::onnx::{
    DataType, Dimension, GraphProto, ModelProto, NodeProto, TensorProto, TensorShapeProto,
    TypeProto, TypeProtoTensor, ValueInfoProto,
};

use crate::error::{Error, Result};
use crate::models::external::Located;
use crate::models::survey::{self, check_file};

/// A model file, read.
pub(crate) struct Graph {
    pub(crate) name: String,
    model: ModelProto,
    graph: GraphProto,
}

impl Graph {
    /// Reads a file, with its external data if it has some.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let name = check_file(path)?;
        let bytes = std::fs::read(path).map_err(|source| Error::Io {
            what: name.clone(),
            source,
        })?;
        let mut graph = Self::surveyed(name, &bytes)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for tensor in &mut graph.graph.initializer {
            if !tensor.external_data.is_empty() {
                let data = external(tensor, folder).map_err(|reason| Error::Adapter {
                    what: graph.name.clone(),
                    reason,
                })?;
                tensor.raw_data = Some(data.into());
                tensor.external_data.clear();
                tensor.data_location = None;
            }
        }
        Ok(graph)
    }

    pub(crate) fn parse(name: String, bytes: &[u8]) -> Result<Self> {
        survey::check_bytes(&name, bytes)?;
        Self::surveyed(name, bytes)
    }

    fn surveyed(name: String, bytes: &[u8]) -> Result<Self> {
        let not_onnx = |reason: String| Error::Adapter {
            what: name.clone(),
            reason,
        };
        let model = ModelProto::parse_buf(bytes);
        let mut model = model.map_err(|e| not_onnx(format!("not an ONNX file: {e}")))?;
        match model.graph.take() {
            Some(graph) if !graph.node.is_empty() => Ok(Graph { name, model, graph }),
            _ => Err(not_onnx("not an ONNX file: it holds no graph".to_owned())),
        }
    }

    /// The inputs that are not weights.
    fn inputs(&self) -> Vec<&str> {
        let weights: HashSet<&str> = self.weights().collect();
        let names = self.graph.input.iter().map(|input| text(&input.name));
        names.filter(|name| !weights.contains(name)).collect()
    }

    fn weights(&self) -> impl Iterator<Item = &str> {
        self.graph.initializer.iter().map(|t| text(&t.name))
    }

    /// Every value that a node computes, in the order of the file (which is one of computation), with the operator.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.graph.node.iter().flat_map(|node| {
            let op = node.op_type.as_deref().unwrap_or_default();
            let names = node.output.iter().map(String::as_str);
            names
                .filter(|name| !name.is_empty())
                .map(move |name| (name, op))
        })
    }

    /// The same model with every value as an output, so that a runtime says their shapes.
    pub(crate) fn with_all_outputs(&mut self) -> Result<Vec<u8>> {
        let known: HashSet<String> = self
            .graph
            .output
            .iter()
            .map(|o| text(&o.name).to_owned())
            .collect();
        let values: Vec<String> = self.values().map(|(name, _)| name.to_owned()).collect();
        let added = values.into_iter().filter(|name| !known.contains(name));
        let outputs = self.graph.output.len();
        let added = added.map(|name| ValueInfoProto {
            name: Some(name),
            r#type: None,
        });
        self.graph.output.extend(added.collect::<Vec<_>>());
        let bytes = self.encode(self.graph.clone());
        self.graph.output.truncate(outputs);
        bytes
    }

    /// The values that get past `layer` on their way from the image to `output`: none if the graph can be cut there.
    pub(crate) fn crossing(&self, layer: &str, output: &str) -> Result<Vec<String>> {
        Ok(self.head_nodes(layer, output)?.1)
    }

    /// Cuts the graph: the bytes of a model from the image to `layer`, and of one from there to `output`.
    ///
    /// `shape` is that of the layer's value; a dimension that is not known is left open.
    pub(crate) fn cut(
        &self,
        layer: &str,
        output: &str,
        shape: [Option<usize>; 4],
    ) -> Result<[Vec<u8>; 2]> {
        let (head, crossing) = self.head_nodes(layer, output)?;
        if !crossing.is_empty() {
            return Err(self.fault(format!(
                "cannot be cut at `{layer}`: what comes after it also needs `{}` from before it (a skip connection?)",
                crossing.join("`, `")
            )));
        }
        let backbone = self.ancestors(layer);
        let mut outputs = self.graph.output.iter();
        let declared = outputs.find(|o| text(&o.name) == output).cloned();
        let open = |name: &str| ValueInfoProto {
            name: Some(name.to_owned()),
            r#type: None,
        };
        let entry = ValueInfoProto {
            name: Some(layer.to_owned()),
            r#type: Some(batch_type(shape)),
        };
        let front = self.part(&backbone, self.graph.input.clone(), open(layer));
        let back = self.part(&head, vec![entry], declared.unwrap_or_else(|| open(output)));
        Ok([self.encode(front)?, self.encode(back)?])
    }

    /// The nodes that lead from `layer` to `output`, and what they need of the image besides `layer`.
    fn head_nodes(&self, layer: &str, output: &str) -> Result<(BTreeSet<usize>, Vec<String>)> {
        let inputs: HashSet<&str> = self.inputs().into_iter().collect();
        let makers = self.makers();
        if !makers.contains_key(layer) {
            return Err(self.fault(format!("has no value `{layer}` that a node computes")));
        }
        if !makers.contains_key(output) {
            return Err(self.fault(format!("has no value `{output}` that a node computes")));
        }
        let (of_image, of_layer) = (
            self.downstream(&inputs),
            self.downstream(&HashSet::from([layer])),
        );
        if layer == output || !of_layer.contains(output) {
            return Err(self.fault(format!("computes `{output}` without `{layer}`")));
        }
        let (mut nodes, mut crossing) = (BTreeSet::new(), Vec::new());
        let (mut open, mut seen) = (vec![output], HashSet::new());
        while let Some(value) = open.pop() {
            if value == layer || !seen.insert(value) {
                continue;
            }
            let from_before = of_image.contains(value) && !of_layer.contains(value);
            if from_before || inputs.contains(value) {
                crossing.push(value.to_owned());
            } else if let Some(&node) = makers.get(value) {
                nodes.insert(node);
                open.extend(reads(&self.graph.node[node]));
            }
        }
        crossing.sort_unstable();
        Ok((nodes, crossing))
    }

    /// Which node computes a value.
    fn makers(&self) -> HashMap<&str, usize> {
        let nodes = self.graph.node.iter().enumerate();
        let named = nodes.flat_map(|(i, node)| node.output.iter().map(move |o| (o.as_str(), i)));
        named.filter(|(name, _)| !name.is_empty()).collect()
    }

    /// The values that depend on one of `sources`, and these.
    fn downstream<'a>(&'a self, sources: &HashSet<&'a str>) -> HashSet<&'a str> {
        let mut found = sources.clone();
        for node in &self.graph.node {
            if reads(node).any(|name| found.contains(name)) {
                found.extend(node.output.iter().map(String::as_str));
            }
        }
        found
    }

    fn ancestors(&self, value: &str) -> BTreeSet<usize> {
        let makers = self.makers();
        let (mut nodes, mut open) = (BTreeSet::new(), vec![value]);
        while let Some(value) = open.pop() {
            if let Some(&node) = makers.get(value) {
                if nodes.insert(node) {
                    open.extend(reads(&self.graph.node[node]));
                }
            }
        }
        nodes
    }

    fn part(
        &self,
        nodes: &BTreeSet<usize>,
        input: Vec<ValueInfoProto>,
        output: ValueInfoProto,
    ) -> GraphProto {
        let node: Vec<NodeProto> = nodes.iter().map(|&i| self.graph.node[i].clone()).collect();
        let used: HashSet<&str> = node.iter().flat_map(reads).collect();
        let weights = self.graph.initializer.iter();
        let initializer = weights
            .filter(|t| used.contains(text(&t.name)))
            .cloned()
            .collect();
        let input = input.into_iter();
        let input = input.filter(|i| used.contains(text(&i.name))).collect();
        GraphProto {
            initializer,
            input,
            output: vec![output],
            value_info: Vec::new(),
            node,
        }
    }

    fn encode(&self, graph: GraphProto) -> Result<Vec<u8>> {
        let model = ModelProto {
            ir_version: self.model.ir_version,
            graph: Some(graph),
            opset_import: self.model.opset_import.clone(),
            metadata_props: Vec::new(),
            producer_name: self.model.producer_name.clone(),
            producer_version: self.model.producer_version.clone(),
        };
        model.write_buf().map_err(|e| self.fault(e.to_string()))
    }

    pub(crate) fn fault(&self, reason: String) -> Error {
        Error::Adapter {
            what: self.name.clone(),
            reason,
        }
    }
}

fn text(name: &Option<String>) -> &str {
    name.as_deref().unwrap_or_default()
}

/// The names of the values that a node reads, those that its inner graphs take from outside included.
fn reads(node: &NodeProto) -> impl Iterator<Item = &str> {
    let inner = node.attribute.iter().filter_map(|a| a.g.as_ref());
    let inner = inner.flat_map(|graph| graph.node.iter().flat_map(reads_boxed));
    let own = node.input.iter().map(String::as_str);
    own.chain(inner).filter(|name| !name.is_empty())
}

fn reads_boxed(node: &NodeProto) -> Box<dyn Iterator<Item = &str> + '_> {
    Box::new(reads(node))
}

fn batch_type(shape: [Option<usize>; 4]) -> TypeProto {
    let axes = ["n", "K", "h", "w"].into_iter().zip(shape);
    let dim = axes.map(|(name, size)| Dimension {
        dim_value: size.map(|s| s as i64),
        dim_param: size.is_none().then(|| name.to_owned()),
    });
    TypeProto {
        tensor_type: Some(TypeProtoTensor {
            elem_type: Some(DataType::FLOAT),
            shape: Some(TensorShapeProto { dim: dim.collect() }),
        }),
        sequence: None,
    }
}

/// The bytes of a tensor that lie in a file beside the model.
fn external(tensor: &TensorProto, folder: &Path) -> Result<Vec<u8>, String> {
    let mut located = Located::new(tensor, folder)?;
    let mut bytes = Vec::new();
    let read = located
        .file
        .seek(SeekFrom::Start(located.start))
        .and_then(|_| located.file.take(located.length).read_to_end(&mut bytes));
    read.map_err(|e| format!("{}: {e}", located.path.display()))?;
    Ok(bytes)
}
