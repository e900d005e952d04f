//! What reaches a telephone besides speech, made by rule and seed: silence, noise, music, DTMF, the
//! network's own tones. Two hundred clips, the kinds in turns, so that each nth is a fair sample.

use std::f32::consts::TAU;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sawt::audio::CALLER_RATE_HZ;

/// A sound that nobody speaks in.
pub(super) struct Noise {
    pub(super) kind: &'static str,
    pub(super) pcm: Vec<i16>,
}

const RATE: f32 = CALLER_RATE_HZ as f32;

type Maker = fn(&mut StdRng, usize) -> Vec<f32>;

const MAKERS: [(&str, Maker); 20] = [
    ("silence", silence),
    ("noise", white),
    ("music", chords),
    ("DTMF", dtmf),
    ("noise", coloured),
    ("music", melody),
    ("line", ringback),
    ("noise", clicks),
    ("silence", dither),
    ("music", drums),
    ("DTMF", dtmf),
    ("noise", breath),
    ("line", hum),
    ("music", hummed),
    ("noise", babble),
    ("line", fax),
    ("music", waiting_loop),
    ("noise", knocks),
    ("DTMF", dtmf),
    ("line", gsm),
];

/// The `nth` clip of the two hundred; the same number gives the same clip.
pub(super) fn noise(nth: usize) -> Noise {
    let mut rng = StdRng::seed_from_u64(nth as u64);
    let (kind, make) = MAKERS[nth % MAKERS.len()];
    let samples = (rng.random_range(0.6..7.0) * RATE) as usize;
    let mut sound = make(&mut rng, samples);
    let peak = sound.iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
    if kind != "silence" && peak > 0.0 {
        // From a distant room to a loud handset: −42 to −4 dBFS at the peak.
        let level = 10_f32.powf(rng.random_range(-42.0..-4.0) / 20.0);
        sound.iter_mut().for_each(|s| *s *= level / peak);
    }
    let pcm = sound.into_iter().map(|s| (s * 32_767.0).clamp(-32_768.0, 32_767.0) as i16);
    Noise { kind, pcm: pcm.collect() }
}

fn second(n: usize) -> f32 {
    n as f32 / RATE
}

fn uniform(rng: &mut StdRng) -> f32 {
    rng.random_range(-1.0..1.0)
}

fn pick<T: Copy>(rng: &mut StdRng, from: &[T]) -> T {
    from[rng.random_range(0..from.len())]
}

// ── silence ────────────────────────────────────────────────────────────────────────────────────────

/// A muted track, with a cheap microphone's offset now and then.
fn silence(rng: &mut StdRng, samples: usize) -> Vec<f32> {
    vec![pick(rng, &[0.0, 0.0, 0.01]); samples]
}

/// The last bit, or the few that a microphone adds.
fn dither(rng: &mut StdRng, samples: usize) -> Vec<f32> {
    let bits = rng.random_range(1.0..40.0) / 32_768.0;
    (0..samples).map(|_| uniform(rng) * bits).collect()
}

// ── noise ──────────────────────────────────────────────────────────────────────────────────────────

fn white(rng: &mut StdRng, samples: usize) -> Vec<f32> {
    (0..samples).map(|_| uniform(rng)).collect()
}

/// Wind and traffic: low, and swelling.
fn coloured(rng: &mut StdRng, samples: usize) -> Vec<f32> {
    let (keep, swell) = (rng.random_range(0.9..0.998), rng.random_range(0.1..1.5));
    let mut low = 0.0;
    (0..samples)
        .map(|n| {
            low = low * keep + uniform(rng) * (1.0 - keep);
            low * (1.2 + (TAU * swell * second(n)).sin())
        })
        .collect()
}

/// Keys, crackle, a bad plug.
fn clicks(rng: &mut StdRng, samples: usize) -> Vec<f32> {
    let mut out = vec![0.0; samples];
    for _ in 0..rng.random_range(3..60) {
        let (at, length) = (rng.random_range(0..samples), rng.random_range(8..400));
        for n in 0..length.min(samples - at) {
            out[at + n] += uniform(rng) * (-6.0 * n as f32 / length as f32).exp();
        }
    }
    out
}

/// Breath on the microphone: hiss in slow waves.
fn breath(rng: &mut StdRng, samples: usize) -> Vec<f32> {
    let pace = rng.random_range(0.25..0.6);
    let mut last = 0.0;
    (0..samples)
        .map(|n| {
            let hiss = uniform(rng);
            let high = hiss - last * 0.6;
            last = hiss;
            high * (TAU * pace * second(n)).sin().max(0.0).powi(2)
        })
        .collect()
}

/// A canteen: many voices that say nothing, as noise in the bands and at the pace of syllables.
fn babble(rng: &mut StdRng, samples: usize) -> Vec<f32> {
    let mut out = vec![0.0; samples];
    for _ in 0..12 {
        let (formant, pace) = (rng.random_range(300.0..2_500.0), rng.random_range(2.5..5.5));
        let phase = rng.random_range(0.0..TAU);
        let (mut a, mut b) = (0.0_f32, 0.0_f32);
        let (r, w) = (0.97_f32, TAU * formant / RATE);
        for (n, sample) in out.iter_mut().enumerate() {
            let next = uniform(rng) + 2.0 * r * w.cos() * a - r * r * b;
            (b, a) = (a, next);
            *sample += next * (TAU * pace * second(n) + phase).sin().max(0.0);
        }
    }
    out
}

/// Doors, steps, a cup on the table.
fn knocks(rng: &mut StdRng, samples: usize) -> Vec<f32> {
    let mut out = vec![0.0; samples];
    for _ in 0..rng.random_range(1..8) {
        let (at, pitch) = (rng.random_range(0..samples), rng.random_range(60.0..400.0));
        for n in 0..(RATE as usize / 4).min(samples - at) {
            let t = second(n);
            out[at + n] += ((TAU * pitch * t).sin() + 0.3 * uniform(rng)) * (-25.0 * t).exp();
        }
    }
    out
}

// ── music ──────────────────────────────────────────────────────────────────────────────────────────

fn pitch(note: i32) -> f32 {
    220.0 * 2_f32.powf(note as f32 / 12.0)
}

/// A note with overtones that starts and dies away.
fn add_note(out: &mut [f32], at: usize, length: usize, hz: f32, overtones: i32, vibrato: f32) {
    let mut phase = 0.0;
    for n in 0..length.min(out.len().saturating_sub(at)) {
        let t = second(n);
        phase += TAU * hz * (1.0 + vibrato * (TAU * 5.5 * t).sin()) / RATE;
        let wave: f32 = (1..=overtones).map(|k| (phase * k as f32).sin() / k as f32).sum();
        let fade = (t / 0.02).min(1.0) * (-1.5 * t).exp();
        out[at + n] += wave * fade;
    }
}

fn chords(rng: &mut StdRng, samples: usize) -> Vec<f32> {
    let mut out = vec![0.0; samples];
    let bar = (RATE * rng.random_range(0.5..1.2)) as usize;
    for at in (0..samples).step_by(bar) {
        let root = rng.random_range(-12..5);
        for step in [0, pick(rng, &[3, 4]), 7] {
            add_note(&mut out, at, bar, pitch(root + step), 5, 0.0);
        }
    }
    out
}

/// One voice in a scale with quarter-tone neighbours, like an oud.
fn melody(rng: &mut StdRng, samples: usize) -> Vec<f32> {
    let mut out = vec![0.0; samples];
    let scale = [0.0, 1.5, 3.5, 5.0, 7.0, 8.5, 10.0, 12.0_f32];
    let beat = (RATE * rng.random_range(0.12..0.4)) as usize;
    for at in (0..samples).step_by(beat) {
        let hz = 165.0 * 2_f32.powf(pick(rng, &scale) / 12.0);
        add_note(&mut out, at, 2 * beat, hz, 8, 0.002);
    }
    out
}

fn drums(rng: &mut StdRng, samples: usize) -> Vec<f32> {
    let mut out = vec![0.0; samples];
    let beat = (RATE * rng.random_range(0.15..0.3)) as usize;
    for (n, at) in (0..samples).step_by(beat).enumerate() {
        let low = n % 4 == 0 || rng.random_bool(0.3);
        for n in 0..beat.min(samples - at) {
            let t = second(n);
            out[at + n] += match low {
                true => (TAU * (50.0 + 90.0 * (-30.0 * t).exp()) * t).sin() * (-12.0 * t).exp(),
                false => uniform(rng) * (-40.0 * t).exp() * 0.6,
            };
        }
    }
    out
}

/// Somebody hums: a buzzing source through a mouth that stays closed. The nearest to a voice here.
fn hummed(rng: &mut StdRng, samples: usize) -> Vec<f32> {
    let mut source = vec![0.0; samples];
    let beat = (RATE * rng.random_range(0.4..0.9)) as usize;
    for at in (0..samples).step_by(beat) {
        let hz = 110.0 * 2_f32.powf(pick(rng, &[0.0, 2.0, 4.0, 5.0, 7.0_f32]) / 12.0);
        add_note(&mut source, at, beat, hz, 20, 0.01);
    }
    let mut low = 0.0;
    source.iter_mut().for_each(|s| {
        low = low * 0.9 + *s * 0.1;
        *s = low;
    });
    source
}

/// What call centres play: chords, a tune and a beat, in the band of a telephone.
fn waiting_loop(rng: &mut StdRng, samples: usize) -> Vec<f32> {
    let layers = [chords(rng, samples), melody(rng, samples), drums(rng, samples)];
    let (mut low, mut band) = (0.0, 0.0);
    (0..samples)
        .map(|n| {
            let sum: f32 = layers.iter().map(|layer| layer[n]).sum();
            low = low * 0.4 + sum * 0.6;
            band = band * 0.9 + low * 0.1;
            low - band
        })
        .collect()
}

// ── tones of the network ───────────────────────────────────────────────────────────────────────────

fn dtmf(rng: &mut StdRng, samples: usize) -> Vec<f32> {
    let (on, off) = (rng.random_range(0.05..0.3), rng.random_range(0.04..0.4));
    let mut out = vec![0.0; samples];
    let step = ((on + off) * RATE) as usize;
    for at in (0..samples).step_by(step) {
        let low = pick(rng, &[697.0, 770.0, 852.0, 941.0]);
        let high = pick(rng, &[1_209.0, 1_336.0, 1_477.0, 1_633.0]);
        for n in 0..((on * RATE) as usize).min(samples - at) {
            let t = second(n);
            out[at + n] = (TAU * low * t).sin() + (TAU * high * t).sin();
        }
    }
    out
}

/// Ringing, busy, or the dial tone.
fn ringback(rng: &mut StdRng, samples: usize) -> Vec<f32> {
    let (on, off) = pick(rng, &[(1.0, 4.0), (0.5, 0.5), (0.25, 0.25), (9.0, 0.0)]);
    let tones = pick(rng, &[(425.0, 425.0), (440.0, 480.0), (480.0, 620.0), (350.0, 440.0)]);
    (0..samples)
        .map(|n| {
            let t = second(n);
            let rings = t % (on + off) < on;
            f32::from(u8::from(rings)) * ((TAU * tones.0 * t).sin() + (TAU * tones.1 * t).sin())
        })
        .collect()
}

/// Mains: 50 or 60 Hz with its overtones.
fn hum(rng: &mut StdRng, samples: usize) -> Vec<f32> {
    let mains = pick(rng, &[50.0, 60.0]);
    let overtones = |n: usize| {
        (1..12).map(|k| (TAU * mains * k as f32 * second(n)).sin() / k as f32).sum::<f32>()
    };
    (0..samples).map(|n| overtones(n) + 0.05 * uniform(rng)).collect()
}

/// A fax that calls, answers, and shakes hands.
fn fax(rng: &mut StdRng, samples: usize) -> Vec<f32> {
    let answers = rng.random_bool(0.5);
    let mut phase = 0.0;
    (0..samples)
        .map(|n| {
            let t = second(n);
            let hz = match (answers, (t * 300.0) as u32 % 2) {
                _ if t < 1.0 => {
                    if answers {
                        2_100.0
                    } else {
                        1_100.0
                    }
                }
                (_, 0) => 1_650.0,
                _ => 1_850.0,
            };
            phase += TAU * hz / RATE;
            phase.sin() + if t > 2.0 { 0.3 * uniform(rng) } else { 0.0 }
        })
        .collect()
}

/// A mobile phone beside a loudspeaker: bursts 217 times a second.
fn gsm(rng: &mut StdRng, samples: usize) -> Vec<f32> {
    let pattern = rng.random_range(1.0..4.0);
    (0..samples)
        .map(|n| {
            let t = second(n);
            let on = (t * pattern).fract() < 0.6 && (t * 217.0).fract() < 0.12;
            if on { 1.0 } else { 0.0 }
        })
        .collect()
}
