//! How fast the engine is, on a made-up network of the size of a small VGG:
//! `cargo test --release -p neurocuda-runtime throughput -- --ignored --nocapture`.

use std::time::Instant;

use super::{Engine, RunOptions};
use crate::{
    artifact::{Artifact, program::Schedule},
    data::Images,
    testing::{Builder, Noise},
};

/// 16-16-M-32-32-M-64-64-M-128-10 on 28×28 bytes, `st-bif`, 31 levels.
pub(super) fn vgg() -> Artifact {
    let mut noise = Noise::new(1);
    let mut b = Builder::new(Schedule::StBif, 1000);
    let mut x = b.encode(&[1, 28, 28], false);
    // Thresholds give about seven spikes a neuron over the run, as a trained network does.
    for (channels, threshold, pooled) in [
        (16, 900, false),
        (16, 900, true),
        (32, 1300, false),
        (32, 1200, true),
        (64, 1600, false),
        (64, 1700, true),
    ] {
        let weights = noise.weights(channels * b.shape(x)[0] * 9);
        x = b.conv3x3(x, channels, &weights);
        x = b.st_bif(x, &vec![threshold; channels], 31, 0);
        if pooled {
            x = b.max_pool2(x);
        }
    }
    x = b.reshape(x, &[576]);
    let weights = noise.weights(576 * 128);
    x = b.linear(x, 128, &weights);
    x = b.st_bif(x, &[3000; 128], 31, 0);
    let weights = noise.weights(1280);
    x = b.linear(x, 10, &weights);
    b.readout(x, "logits");
    b.finish()
}

#[test]
#[ignore = "a measurement"]
fn throughput() {
    let mut noise = Noise::new(2);
    let count = 200;
    let images = Images::from_u8(
        vec![1, 28, 28],
        (0..count * 784).map(|_| (noise.draw() % 256) as u8 / 2 * (noise.draw() % 2) as u8).collect(),
        None,
    );
    let (engine, images) = (Engine::new(&vgg()).unwrap(), images.unwrap());
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let run = || pool.install(|| engine.run(&images, 0..count, &RunOptions::default(), || ()).unwrap());
        run();
        let start = Instant::now();
        let outcomes = run();
        let seconds = start.elapsed().as_secs_f64();
        let mean =
            |of: fn(&super::ImageOutcome) -> u64| outcomes.iter().map(of).sum::<u64>() as f64 / count as f64;
        let (sops, spikes) = (mean(|o| o.sops), mean(|o| o.spikes.iter().sum()));
        println!(
            "{threads} threads: {:.2} ms an image, {:.2} G synaptic operations a second; \
             an image has {:.1} M operations, {:.1} k spikes, {:.0} steps",
            seconds * 1e3 / count as f64,
            sops * count as f64 / seconds / 1e9,
            sops / 1e6,
            spikes / 1e3,
            mean(|o| u64::from(o.steps)),
        );
        println!("spikes a layer: {:?}", outcomes[0].spikes);
    }
}
