//! The results of all images: read, or measured now, also where other processes do the same at the same time.

use std::path::Path;

use racm::ndarray::Array2;

use super::args::Args;
use super::list::Item;
use super::measure::Bench;
use super::store::{Begun, Record, Store};
use crate::Failure;
use crate::model::Model;
use crate::npy::read_map;

/// What is known of each image.
pub struct Records<'a> {
    args: &'a Args,
    store: &'a Store,
    items: &'a [Item],
    known: Vec<Option<Record>>,
}

impl<'a> Records<'a> {
    /// Those that are there.
    pub fn read(args: &'a Args, store: &'a Store, items: &'a [Item]) -> Result<Self, Failure> {
        let read = |item| {
            let record = store.load(item, &args.inputs(item)?.1)?;
            if record.is_some() {
                store.forget_mark(item);
            }
            Ok(record)
        };
        let known = items.iter().map(read).collect::<Result<_, Failure>>()?;
        Ok(Records {
            args,
            store,
            items,
            known,
        })
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn known(&self) -> usize {
        self.known.iter().flatten().count()
    }

    /// The image of the first one that is not there.
    pub fn first_missing(&self) -> Option<&'a Item> {
        let missing = self.known.iter().position(Option::is_none)?;
        Some(&self.items[missing])
    }

    /// In the order of the list, those that were there or measured.
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.known.iter().flatten()
    }

    /// The same, to keep.
    pub fn into_vec(self) -> Vec<Record> {
        self.known.into_iter().flatten().collect()
    }

    /// Measures what is not there: first what nobody has begun, then what others began and did not finish yet, for they
    /// may have been killed. Each of them is at most measured once too often.
    pub fn complete(
        &mut self,
        bench: &Bench<'_>,
        mut done: impl FnMut(usize),
    ) -> Result<(), Failure> {
        let missing = (0..self.items.len()).filter(|&i| self.known[i].is_none());
        let mut begun = Vec::new();
        for index in missing.collect::<Vec<_>>() {
            match self.store.begin(&self.items[index]) {
                Some(mark) => self.add(index, bench, mark)?,
                None => begun.push(index),
            }
            done(self.known());
        }
        // What was begun long ago is the likeliest to be forgotten.
        let age = |(_, index): &(usize, &usize)| self.store.begun(&self.items[**index]);
        while let Some((place, _)) = begun.iter().enumerate().min_by_key(age) {
            let index = begun.swap_remove(place);
            let mark = self.store.begin_again(&self.items[index]);
            self.add(index, bench, mark)?;
            done(self.known());
        }
        Ok(())
    }

    fn add(&mut self, index: usize, bench: &Bench<'_>, _mark: Begun) -> Result<(), Failure> {
        let item = &self.items[index];
        let (map, input) = self.args.inputs(item)?;
        // Another process may have measured it meanwhile.
        let mut record = self.store.load(item, &input)?;
        if record.is_none() {
            bench.model.bar.set_message(item.name.clone());
            let map = map.map(|path| refinement(&path, bench.model.model, item, self.args));
            let map = map.transpose()?;
            let measured = bench.measure(item, map.as_ref(), self.store.parameters(), &input)?;
            self.store.save(item, &measured)?;
            // What is read back is the same now and after an interruption.
            record = self.store.load(item, &input)?.or(Some(measured));
        }
        self.known[index] = record;
        Ok(())
    }
}

/// The refinement map, which must have the size of the image that the model sees.
fn refinement(
    path: &Path,
    model: &Model,
    item: &Item,
    args: &Args,
) -> Result<Array2<f32>, Failure> {
    let input = args.image(model, item)?;
    let [_, height, width] = input.shape();
    read_map(path, [height, width], input.missing())
}
