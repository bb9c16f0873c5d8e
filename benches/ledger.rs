//! Ledgers: saving, reading, merging, cutting. 50,000 masks, 10 targets.

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, Array3, ArrayView4};
use racm::{Explainer, FnModel, Ledger, Target};

fn ledger(c: &mut Criterion) {
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        Array2::from_shape_fn((batch.dim().0, 10), |(n, k)| batch[[n, 0, 0, k % 8]])
    });
    let image = Array3::<f32>::ones((1, 8, 8));
    let explainer = Explainer::builder().masks(50_000).build().expect("valid");
    let shard = |blocks| {
        let run = explainer.run(&model, &image, Target::All).blocks(blocks);
        run.score().expect("scores")
    };
    let (first, second) = (shard(0..800), shard(700..1563));
    let mut bytes = Vec::new();
    second.write_to(&mut bytes).expect("memory");

    let mut group = c.benchmark_group("ledger");
    group.bench_function("merge", |b| {
        b.iter_batched(
            || first.clone(),
            |mut ledger| {
                ledger.merge(&second).expect("the same run");
                ledger
            },
            criterion::BatchSize::SmallInput,
        );
    });
    group.bench_function("write", |b| {
        b.iter(|| {
            let mut bytes = Vec::new();
            second.write_to(&mut bytes).expect("memory");
            bytes
        });
    });
    group.bench_function("read", |b| {
        b.iter(|| Ledger::read_from(&bytes[..]).expect("whole"))
    });
    group.bench_function("prefix", |b| b.iter(|| first.prefix(10_000)));
}

criterion_group!(benches, ledger);
criterion_main!(benches);
