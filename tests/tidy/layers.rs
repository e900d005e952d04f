//! Which way modules may look, and where foreign names may stand.

use crate::none;
use crate::source::files;

/// Modules that decide and compute, and never do: a call replays exactly because of them.
const PURE: &[&str] =
    &["src/turn/", "src/rules/", "src/speech/", "src/dialog/", "src/audio/", "src/sentiment/"];

/// What a pure module may not name.
const WORLD: &[&str] = &[
    "tokio",
    "std::thread",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "Instant::now",
    "SystemTime",
    "rand",
    "reqwest",
    "tonic",
];

#[test]
fn pure_modules_name_no_clock_task_file_or_chance() {
    let findings: Vec<_> = files()
        .iter()
        .filter(|file| file.is_product_rust() && PURE.iter().any(|dir| file.path.starts_with(dir)))
        .flat_map(|file| file.naming(WORLD))
        .collect();
    none(
        &findings,
        "pass time, randomness and data in as arguments; call/ and cli/ touch the world",
    );
}

/// Each module, and those that it may not look at: above it on the path of a call, or beside it.
const MAY_NOT_NAME: &str = "
    cli:        -
    http:       cli
    worker:     cli http
    call:       cli http worker
    store:      cli http worker turn dialog engines transport policy models service
    recording:  cli http worker call turn::machine dialog speech engines transport policy models config
    rules:      cli http worker call assistants turn dialog engines transport supervisor policy models config
    assistants: cli http worker call turn dialog engines transport supervisor policy::egress policy::remote policy::server
    tools:      cli http worker call assistants turn dialog transport supervisor models
    retrieval:  cli http worker call assistants turn dialog engines transport supervisor policy models config tools
    turn:       cli http worker call audio dialog speech engines transport::livekit policy models telemetry
    dialog:     cli http worker call transport policy models
    speech:     cli http worker call dialog turn engines transport policy models telemetry
    sentiment:  cli http worker call audio dialog turn engines transport policy models telemetry config
    audio:      cli http worker call dialog turn engines transport speech config
    engines:    cli http worker call dialog turn transport
    transport:  cli http worker call dialog engines
    supervisor: cli http worker call dialog turn transport
    policy:     cli http worker call dialog turn engines transport
    models:     cli http worker call dialog turn engines transport
    telemetry:  cli http call dialog engines transport
    config:     cli http worker call dialog engines transport models policy telemetry
";

/// Files that put things together where they do not belong yet, each with where they do.
const MISPLACED: &[(&str, &str)] = &[];

#[test]
fn modules_look_down_the_path_of_a_call_only() {
    let files = files();
    let mut findings = Vec::new();
    for rule in MAY_NOT_NAME.lines().filter(|line| !line.trim().is_empty()) {
        let (module, others) = rule.split_once(':').expect("module: others");
        let folder = format!("src/{}/", module.trim());
        let needles: Vec<_> =
            others.split_whitespace().map(|other| format!("crate::{other}")).collect();
        let needles: Vec<_> = needles.iter().map(String::as_str).collect();
        let own = files.iter().filter(|f| f.is_product_rust() && f.path.starts_with(&folder));
        let own = own.filter(|f| !MISPLACED.iter().any(|(path, _)| *path == f.path));
        findings.extend(own.flat_map(|file| file.naming(&needles)));
    }
    none(
        &findings,
        "let the upper module pass in what the lower one needs, or move the shared type down",
    );
}

/// Names of one library, where they may stand, and what to use elsewhere.
struct Foreign {
    names: &'static [&'static str],
    homes: &'static [&'static str],
    instead: &'static str,
}

const FOREIGN: &[Foreign] = &[
    Foreign {
        names: &["livekit_protocol", "livekit_api"],
        homes: &[
            "src/transport/livekit/",
            "src/worker/",
            "src/livekit_api/",
            "src/livekit_api.rs",
            "src/lib.rs", // declares our module of that name
            "src/caller/",
        ],
        instead: "crate::transport, crate::worker or crate::livekit_api",
    },
    Foreign {
        names: &["reqwest::Client", "reqwest::ClientBuilder", "reqwest::get", "reqwest::blocking"],
        // livekit_api speaks to the configured server only, through no proxy and no redirect.
        homes: &["src/policy/", "src/livekit_api.rs"],
        instead: "the client of crate::policy, which refuses by default",
    },
    Foreign {
        names: &["ort::", "ndarray"],
        homes: &[
            "src/engines/vad/",
            "src/engines/turn_detector/",
            "src/engines/ort_env.rs",
            "engines/tts/",
            "engines/stt/",
        ],
        instead: "a trait of crate::engines",
    },
    Foreign {
        names: &["pulp"],
        homes: &["engines/vad/"],
        instead: "a loop the compiler vectorises",
    },
    Foreign {
        names: &["opusic_c", "ogg::"],
        homes: &["src/recording/"],
        instead: "crate::recording",
    },
    Foreign {
        names: &["tokio_postgres"],
        homes: &["src/store/db/postgres.rs"],
        instead: "crate::store",
    },
    Foreign { names: &["cel::"], homes: &["src/rules/"], instead: "crate::rules::Condition" },
    Foreign { names: &["whisper_rs"], homes: &["engines/stt/"], instead: "crate::engines::stt" },
    Foreign { names: &["ct2rs"], homes: &["engines/stt-ct2/"], instead: "crate::engines::stt" },
    Foreign { names: &["llama_cpp_2"], homes: &["engines/llm/"], instead: "crate::engines::llm" },
    Foreign {
        names: &["cpal"],
        homes: &["src/transport/microphone"],
        instead: "crate::transport::microphone",
    },
    Foreign { names: &["axum", "tower_http"], homes: &["src/http/"], instead: "crate::http" },
    Foreign {
        names: &["tonic"],
        homes: &["src/engines/", "src/supervisor/", "engines/"],
        instead: "a trait of crate::engines",
    },
    Foreign {
        names: &["libloading"],
        homes: crate::tree::FFI_FILES,
        instead: "the safe wrapper beside the FFI file",
    },
];

#[test]
fn foreign_names_stand_in_their_places_only() {
    for foreign in FOREIGN {
        let findings: Vec<_> = files()
            .iter()
            .filter(|file| file.is_product_rust())
            .filter(|file| !foreign.homes.iter().any(|home| file.path.starts_with(home)))
            .flat_map(|file| file.naming(foreign.names))
            // A module of ours may be named after what it wraps.
            .filter(|finding| !finding.starts_with("src/lib.rs:"))
            .collect();
        none(&findings, &format!("use {} here", foreign.instead));
    }
}
