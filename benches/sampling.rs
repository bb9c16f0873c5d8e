//! Drawing masks: their cell states and the offset of their block.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use racm::{MaskFamily, MaskSpec, McRise, Plan, Racm, Rise};

fn sampling(c: &mut Criterion) {
    let mut group = c.benchmark_group("sampling");
    for (name, family, channels, grid) in [
        ("rise 8x8", Box::new(Rise) as Box<dyn MaskFamily>, 3, 8),
        ("mc-rise 8x8", Box::new(McRise::rgb()), 3, 8),
        ("racm 8x8", Box::new(Racm), 3, 8),
        ("racm 7x7, 64 channels", Box::new(Racm), 64, 7),
        ("racm 31x31", Box::new(Racm), 3, 31),
    ] {
        let spec = MaskSpec::default().family(family).grid(grid, grid);
        let plan = Plan::new([channels, 224, 224], &spec).expect("a plan");
        let [rows, columns] = plan.cells();
        group.throughput(Throughput::Elements((rows * columns) as u64));
        let mut index = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                index += 1;
                plan.mask(0, index)
            });
        });
    }
}

criterion_group!(benches, sampling);
criterion_main!(benches);
