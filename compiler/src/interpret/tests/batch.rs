use super::*;
use crate::interpret::{forward_all, in_order};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

#[test]
fn results_come_in_order_with_few_in_memory() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let (held, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut taken = vec![];
    let work = |index| {
        most.fetch_max(held.fetch_add(1, SeqCst) + 1, SeqCst);
        Ok::<_, ()>(index * 2)
    };
    pool.install(|| {
        in_order(1000, work, |index, double| {
            held.fetch_sub(1, SeqCst);
            taken.push((index, double));
            Ok(())
        })
    })
    .unwrap();
    assert_eq!(taken, (0..1000).map(|index| (index, index * 2)).collect::<Vec<_>>());
    assert!(most.into_inner() <= 3 * 8);
}

#[test]
fn the_first_error_in_order_wins() {
    let mut taken = 0;
    let work = |index| if index < 100 { Ok(()) } else { Err(index) };
    let count = |_, ()| {
        taken += 1;
        Ok(())
    };
    assert_eq!(in_order(1000, work, count), Err(100));
    assert_eq!(taken, 100);
    assert_eq!(in_order(10, |_| Ok(()), |index, ()| if index < 3 { Ok(()) } else { Err(index) }), Err(3));
}

#[test]
fn the_number_of_threads_does_not_show() {
    let (x, y) = (batch(&[30], "f32"), batch(&[40], "f32"));
    let weight = (0..1200).map(|i| 1.0 / f64::from(i + 3)).collect::<Vec<_>>();
    let attributes =
        format!("weight = {}, bias = dense<0.1> : tensor<40xf32>", dense(&[40, 30], &weight, "f32"));
    let network = network(&one_op("ann.linear", &attributes, &x, &y));
    let fetch = |index: usize| sample(&[30], (0..30).map(|i| 1.0 / (index * 30 + i + 1) as f64).collect());
    let all = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut outputs = vec![];
        pool.install(|| forward_all(&network, 100, fetch, |_, output| outputs.push(output))).unwrap();
        outputs
    };
    assert_eq!(all(1), all(3));
}
