//! `.npy` files for tests, by the crate that the program uses (feature `cli`).

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use ndarray::{Array, ArrayD, Dimension, IxDyn};
use npyz::{AutoSerialize, Deserialize, NpyFile, Order, WriterBuilder};

/// An array of type `A` in C order; `None` if its elements are of another type.
pub fn try_read<A: Deserialize, D: Dimension>(path: impl AsRef<Path>) -> Option<Array<A, D>> {
    let file = File::open(path.as_ref()).unwrap_or_else(|e| panic!("{:?}: {e}", path.as_ref()));
    let file = NpyFile::new(BufReader::new(file)).unwrap();
    assert_eq!(file.order(), Order::C);
    let shape: Vec<usize> = file.shape().iter().map(|&n| n as usize).collect();
    let values: Vec<A> = file.try_data().ok()?.map(Result::unwrap).collect();
    let array = ArrayD::from_shape_vec(IxDyn(&shape), values).unwrap();
    Some(array.into_dimensionality().unwrap())
}

pub fn read<A: Deserialize, D: Dimension>(path: impl AsRef<Path>) -> Array<A, D> {
    try_read(path).expect("elements of this type")
}

#[allow(dead_code)]
pub fn write<A: AutoSerialize, D: Dimension>(path: impl AsRef<Path>, array: &Array<A, D>) {
    let shape: Vec<u64> = array.shape().iter().map(|&n| n as u64).collect();
    let options = npyz::WriteOptions::new().default_dtype().shape(&shape);
    let mut writer = options
        .writer(File::create(path).unwrap())
        .begin_nd()
        .unwrap();
    writer.extend(array.iter()).unwrap();
    writer.finish().unwrap();
}
