//! Recordings in memory and on disk: time, channels, faults.

use std::io::{Error, ErrorKind, Result};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};

use super::*;
use crate::recording::{RATE_HZ, read};

/// A tenth of a second of both sides, with a click where the time is right.
fn piece(n: u64, caller_click_ms: &[u64], agent_click_ms: &[u64]) -> Piece {
    let side = |rate: u64, clicks: &[u64]| {
        let (first, length) = (n * rate / 10, rate as usize / 10);
        let mut pcm = vec![0_i16; length];
        let near = clicks.iter().filter(|ms| (*ms / 100).abs_diff(n) <= 1);
        for click in near.map(|ms| ms * rate / 1_000) {
            for at in click..click + rate / 200 {
                if let Some(sample) = at.checked_sub(first).and_then(|at| pcm.get_mut(at as usize))
                {
                    *sample = if at % 8 < 4 { 20_000 } else { -20_000 };
                }
            }
        }
        (first, pcm)
    };
    Piece {
        caller: Some(side(16_000, caller_click_ms)),
        agent: vec![side(24_000, agent_click_ms)],
        until: CallTime::from_millis((n + 1) * 100),
    }
}

/// The first loud sample of a side from `from_ms` on, in milliseconds.
fn click(pcm: &[i16], from_ms: u64) -> f64 {
    let from = (from_ms * u64::from(RATE_HZ) / 1_000) as usize;
    let at = pcm[from..].iter().position(|s| s.unsigned_abs() > 6_000).expect("a click");
    (from + at) as f64 * 1_000.0 / f64::from(RATE_HZ)
}

fn push(writer: &Writer, piece: Piece) {
    // A test is faster than anybody talks.
    while !writer.push(piece.clone()) {
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn start(dir: &Path) -> Writer {
    let path = dir.join("calls").join("a.ogg");
    let file = path.clone();
    Writer::start(path, CallTime::ZERO, 24_000, move || create(&file)).unwrap()
}

#[test]
fn each_side_comes_out_on_its_channel_at_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let writer = start(dir.path());
    for n in 0..50 {
        push(&writer, piece(n, &[1_234], &[3_210]));
    }
    let path = writer.path().to_owned();
    assert_eq!(writer.end(), Ended { length_ms: 5_000, problem: None });
    let decoded = read(&path).unwrap();
    assert!(decoded.whole);
    assert_eq!((decoded.caller.len(), decoded.agent.len()), (120_000, 120_000));
    let (caller, agent) = (click(&decoded.caller, 0), click(&decoded.agent, 0));
    println!("clicks at {caller:.1} and {agent:.1} ms");
    assert!((caller - 1_234.0).abs() < 20.0 && (agent - 3_210.0).abs() < 20.0);
    // What one says is not heard on the other's side: 30 dB below at least.
    let loudest = |pcm: &[i16], from: usize| {
        pcm[from * 24..(from + 100) * 24].iter().map(|s| s.unsigned_abs()).max().unwrap()
    };
    println!("leak {} and {}", loudest(&decoded.agent, 1_200), loudest(&decoded.caller, 3_180));
    assert!(loudest(&decoded.agent, 1_200) < 600 && loudest(&decoded.caller, 3_180) < 600);
}

/// `SAWT_RECORDING_MINUTES=60` makes it an hour, as scripts/test does.
#[test]
fn a_long_call_does_not_drift() {
    let minutes = std::env::var("SAWT_RECORDING_MINUTES").ok().and_then(|n| n.parse().ok());
    let minutes: u64 = minutes.unwrap_or(4);
    let dir = tempfile::tempdir().unwrap();
    let writer = start(dir.path());
    let clicks: Vec<u64> = (0..minutes).map(|n| 30_000 + n * 60_000).collect();
    for n in 0..minutes * 600 {
        push(&writer, piece(n, &clicks, &clicks));
    }
    let path = writer.path().to_owned();
    assert_eq!(writer.end().length_ms, minutes * 60_000);
    let decoded = read(&path).unwrap();
    let mut worst = 0.0_f64;
    for at in clicks {
        for side in [&decoded.caller, &decoded.agent] {
            worst = worst.max((click(side, at - 1_000) - at as f64).abs());
        }
    }
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!("{minutes} minutes: at most {worst:.1} ms off, {bytes} bytes");
    assert!(worst < 20.0, "{worst}");
}

#[test]
fn a_file_that_breaks_off_plays_to_its_last_page() {
    let dir = tempfile::tempdir().unwrap();
    let writer = start(dir.path());
    for n in 0..100 {
        push(&writer, piece(n, &[500, 5_000], &[700]));
    }
    let path = writer.path().to_owned();
    writer.end();
    let whole = std::fs::read(&path).unwrap();
    let cut = dir.path().join("cut.ogg");
    let (mut longest, mut strange) = (0, 0);
    for length in (0..whole.len()).step_by(97) {
        std::fs::write(&cut, &whole[..length]).unwrap();
        match read(&cut) {
            Ok(decoded) => {
                assert!(!decoded.whole && decoded.caller.len() >= longest);
                longest = decoded.caller.len();
            }
            // Cut in its head: there is no sound to lose yet.
            Err(_) => strange += usize::from(length > 200),
        }
    }
    assert_eq!(strange, 0);
    assert!(longest > 9 * RATE_HZ as usize, "{longest}");
    // Noise is no recording, and a broken page ends one.
    std::fs::write(&cut, [7; 5_000]).unwrap();
    assert!(read(&cut).unwrap_err().to_string().contains("no recording"));
    let mut bad = whole;
    let middle = bad.len() / 2;
    bad[middle] ^= 0x55;
    std::fs::write(&cut, &bad).unwrap();
    assert!(!read(&cut).unwrap().whole);
}

/// A disk with room for so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if self.0 < bytes.len() {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Disk for Full {
    fn settle(&mut self) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_ends_the_recording_and_says_so() {
    let from = CallTime::ZERO;
    let writer = Writer::start("x.ogg".into(), from, 24_000, || Ok(Full(3_000))).unwrap();
    for n in 0..200 {
        push(&writer, piece(n, &[n * 100], &[n * 100 + 50]));
    }
    let ended = writer.end();
    assert!(ended.problem.as_ref().unwrap().contains("records.dir"), "{ended:?}");
    // A folder that can not be made, and a file that is there already.
    for path in ["/proc/none/a.ogg", "/dev/null"] {
        let writer = Writer::start(path.into(), from, 24_000, move || create(path.as_ref()));
        assert!(writer.unwrap().end().problem.is_some(), "{path}");
    }
}

/// A disk that stands still until it is let go.
struct Slow(Arc<Mutex<Vec<u8>>>, Receiver<()>);

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let _ = self.1.recv(); // goes on when the sender is gone
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Disk for Slow {
    fn settle(&mut self) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_slow_disk_costs_sound_and_neither_time_nor_place() {
    let (go, hold) = sync_channel(0);
    let kept = Arc::new(Mutex::new(Vec::new()));
    let disk = Slow(Arc::clone(&kept), hold);
    let writer = Writer::start("x.ogg".into(), CallTime::ZERO, 24_000, || Ok(disk)).unwrap();
    #[allow(clippy::disallowed_methods)] // a test measures
    let start = std::time::Instant::now();
    let taken = (0..300).filter(|n| writer.push(piece(*n, &[500], &[29_500]))).count();
    assert!(start.elapsed() < Duration::from_secs(2));
    assert!((PIECES_MAX..PIECES_MAX + 3).contains(&taken), "{taken}");
    drop(go);
    push(&writer, piece(294, &[500], &[29_500]));
    push(&writer, piece(295, &[500], &[29_500]));
    assert_eq!(writer.end(), Ended { length_ms: 29_600, problem: None });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.ogg");
    std::fs::write(&path, kept.lock().unwrap().as_slice()).unwrap();
    let decoded = read(&path).unwrap();
    assert!((click(&decoded.caller, 0) - 500.0).abs() < 20.0);
    assert!((click(&decoded.agent, 20_000) - 29_500.0).abs() < 20.0);
}

#[test]
fn a_recording_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let writer = start(dir.path());
    push(&writer, piece(0, &[], &[]));
    let path = writer.path().to_owned();
    writer.end();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
}

/// Calls that a program records when it is killed.
const CALLS: usize = 5;

/// What [`a_killed_program_loses_a_second_at_most`] kills: this test, started by it as a program of its own.
#[test]
fn a_program_that_records_until_it_is_killed() {
    let Some(dir) = std::env::var_os("SAWT_TEST_RECORD_INTO") else { return };
    let writers: Vec<_> = (0..CALLS)
        .map(|call| {
            let path = Path::new(&dir).join(format!("{call}.ogg"));
            let file = path.clone();
            Writer::start(path, CallTime::ZERO, 24_000, move || create(&file)).unwrap()
        })
        .collect();
    for n in 0..600 {
        std::thread::sleep(Duration::from_millis(100));
        for writer in &writers {
            assert!(writer.push(piece(n, &[n * 100], &[n * 100 + 50])));
        }
        println!("given {n}"); // after this the call believes that it is recorded
    }
}

/// Kills a program that records; returns how much each of its calls lost, in milliseconds.
fn kill_at(ms: u64) -> Vec<u64> {
    use std::io::BufRead as _;
    let dir = tempfile::tempdir().unwrap();
    let test = "recording::writer::tests::a_program_that_records_until_it_is_killed";
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env("SAWT_TEST_RECORD_INTO", dir.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let out = std::io::BufReader::new(child.stdout.take().unwrap());
    let given = std::thread::spawn(move || {
        let lines = out.lines().map_while(std::result::Result::ok);
        lines.filter_map(|line| line.split_once("given ")?.1.parse::<u64>().ok()).last()
    });
    std::thread::sleep(Duration::from_millis(ms));
    child.kill().unwrap();
    child.wait().unwrap();
    let Some(last) = given.join().unwrap() else { return Vec::new() };
    let lost = (0..CALLS).map(|call| {
        let path = dir.path().join(format!("{call}.ogg"));
        let held = read(&path).map(|decoded| {
            assert!(!decoded.whole);
            decoded.caller.len() as u64 * 1_000 / u64::from(RATE_HZ)
        });
        // A file of which only the head was written holds nothing yet.
        ((last + 1) * 100).saturating_sub(held.unwrap_or(0))
    });
    lost.collect()
}

#[test]
fn a_killed_program_loses_a_second_at_most() {
    let kills = std::env::var("SAWT_RECORDING_KILLS").ok().and_then(|n| n.parse().ok());
    let kills: u64 = kills.unwrap_or(20);
    let mut chance = crate::simulation::Chance::new(6);
    let moments: Vec<u64> = (0..kills).map(|_| 600 + chance.below(2_400)).collect();
    // A few at a time: five calls each on a machine that has other things to do.
    let mut lost = Vec::new();
    for few in moments.chunks(4) {
        let killed: Vec<_> = few
            .iter()
            .map(|ms| {
                std::thread::spawn({
                    let ms = *ms;
                    move || kill_at(ms)
                })
            })
            .collect();
        lost.extend(killed.into_iter().flat_map(|killed| killed.join().unwrap()));
    }
    lost.sort_unstable();
    println!(
        "{} calls in {kills} kills: {:?} ms lost in the middle, {:?} at most",
        lost.len(),
        lost[lost.len() / 2],
        lost.last()
    );
    assert!(lost.len() as u64 >= kills * CALLS as u64 / 2, "killed before it recorded");
    assert!(lost.iter().all(|ms| *ms <= 1_000), "{lost:?}");
}
