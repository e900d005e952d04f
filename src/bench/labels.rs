//! A folder of calls whose words are known: what `sawt bench stt DIR` compares with.
//!
//! Either `manifest.tsv`, whose first line names its columns (`file` and `text`; `dialect` and `language`
//! if wanted), or WAV files with a `.txt` of the same name beside each, the folder they stand in
//! being their dialect. `variants.tsv` may name spellings that count as one: a line of words, parted by
//! tabs. Everything wrong is told at once, each with file and line.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use crate::audio::{CALLER_RATE_HZ, wav};
use crate::speech::normalise::{Form, REFERENCE_CHARS_MAX, normalise};

/// A recording and what is said in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Labelled {
    /// Its path below the folder, which names it in reports.
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// Empty: nobody says anything, and every word heard is invented.
    pub(super) text: String,
    pub(super) dialect: String,
    /// Where the manifest says so.
    pub(super) language: Option<String>,
    pub(super) seconds: f64,
}

/// The folder's content.
#[derive(Debug)]
pub(super) struct Labels {
    pub(super) clips: Vec<Labelled>,
    /// From the normal form of a spelling to the one that stands for it.
    pub(super) variants: HashMap<String, String>,
}

/// What is wrong with a folder of labelled calls.
#[derive(Debug, thiserror::Error)]
pub(super) enum LabelError {
    /// Not there, or not to be read.
    #[error("{path}: {detail}; give a folder of WAV files with their words")]
    Folder { path: String, detail: String },
    /// Nothing to measure.
    #[error(
        "no labelled call in {path}; put a .txt beside each .wav, or write manifest.tsv with the columns \
         file, text and dialect"
    )]
    Empty { path: String },
    /// Everything that is wrong, a line each.
    #[error("{}", told(.0))]
    Wrong(Vec<String>),
}

/// Mistakes that are told at once.
const TOLD_MAX: usize = 20;

/// Clips in a folder: a day's work of a machine without a GPU.
const CLIPS_MAX: usize = 20_000;

/// Folders within folders; a link that leads back is no endless walk.
const DEPTH_MAX: usize = 4;

/// Longest text file that is read: a manifest of all clips with their longest texts is less.
const FILE_BYTES_MAX: u64 = 64 << 20;

fn told(wrong: &[String]) -> String {
    let more = wrong.len().saturating_sub(TOLD_MAX);
    let mut lines = wrong[..wrong.len().min(TOLD_MAX)].join("\n");
    if more > 0 {
        lines.push_str(&format!("\n… and {more} more"));
    }
    format!("{lines}\nmend these, or take the files out")
}

/// Reads `folder`. Each WAV file is read once, so that one that can not be used is told now and not after
/// an hour.
///
/// # Errors
/// Everything that is wrong.
pub(super) fn read(folder: &Path) -> Result<Labels, LabelError> {
    let shown = folder.display().to_string();
    let error =
        |e: std::io::Error| LabelError::Folder { path: shown.clone(), detail: e.to_string() };
    std::fs::read_dir(folder).map_err(error)?;
    let mut wrong = Vec::new();
    let manifest = folder.join("manifest.tsv");
    let mut clips = if manifest.is_file() {
        from_manifest(folder, &manifest, &mut wrong)
    } else {
        from_pairs(folder, &mut wrong)
    };
    let variants = variants(&folder.join("variants.tsv"), &mut wrong);
    if clips.is_empty() && wrong.is_empty() {
        return Err(LabelError::Empty { path: shown });
    }
    for clip in &mut clips {
        let chars = clip.text.chars().count();
        if chars > REFERENCE_CHARS_MAX {
            wrong.push(format!(
                "{}: {chars} characters of text are more than {REFERENCE_CHARS_MAX}; cut the recording",
                clip.name
            ));
        }
        match wav::read(&clip.path, CALLER_RATE_HZ) {
            Ok(pcm) => clip.seconds = pcm.len() as f64 / f64::from(CALLER_RATE_HZ),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    if wrong.is_empty() { Ok(Labels { clips, variants }) } else { Err(LabelError::Wrong(wrong)) }
}

/// The text of `path`, without the mark that some editors put before it.
fn text_of(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let length = std::fs::metadata(path).map_err(|e| format!("{shown}: {e}"))?.len();
    if length > FILE_BYTES_MAX {
        return Err(format!("{shown}: {length} bytes are more than {FILE_BYTES_MAX}"));
    }
    let bytes = std::fs::read(path).map_err(|e| format!("{shown}: {e}"))?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let good = e.utf8_error().valid_up_to();
        let line = e.as_bytes()[..good].iter().filter(|b| **b == b'\n').count() + 1;
        format!("{shown}:{line}: not UTF-8; save it as UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned))
}

fn from_manifest(folder: &Path, manifest: &Path, wrong: &mut Vec<String>) -> Vec<Labelled> {
    let shown = manifest.display();
    let text = match text_of(manifest) {
        Ok(text) => text,
        Err(why) => {
            wrong.push(why);
            return Vec::new();
        }
    };
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let head: Vec<String> = lines.next().map_or_else(Vec::new, |(_, line)| {
        line.split('\t').map(|name| name.trim().to_lowercase()).collect()
    });
    let column = |name: &str| head.iter().position(|column| column == name);
    let (Some(file_at), Some(text_at)) = (column("file"), column("text")) else {
        wrong.push(format!(
            "{shown}:1: the first line must name the columns file and text (dialect, language), parted by tabs"
        ));
        return Vec::new();
    };
    let (dialect_at, language_at) = (column("dialect"), column("language"));
    let (mut clips, mut seen) = (Vec::new(), HashSet::new());
    for (number, line) in lines {
        let at = format!("{shown}:{}", number + 1);
        let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
        if fields.len() != head.len() {
            wrong.push(format!(
                "{at}: {} fields where the first line names {}; part them by tabs",
                fields.len(),
                head.len()
            ));
            continue;
        }
        let name = fields[file_at];
        // The manifest may have come with the recordings from somebody else.
        let below = Path::new(name).components().all(|c| matches!(c, Component::Normal(_)));
        if name.is_empty() || !below {
            wrong.push(format!("{at}: {name:?} is no file below the folder"));
        } else if !seen.insert(name.to_owned()) {
            wrong.push(format!("{at}: {name} is there twice"));
        } else if clips.len() == CLIPS_MAX {
            wrong.push(format!("{at}: more than {CLIPS_MAX} clips"));
            break;
        } else {
            let field = |at: Option<usize>| at.map(|at| fields[at]).filter(|f| !f.is_empty());
            clips.push(Labelled {
                name: name.to_owned(),
                path: folder.join(name),
                text: fields[text_at].to_owned(),
                dialect: field(dialect_at).unwrap_or("all").to_owned(),
                language: field(language_at).map(str::to_owned),
                seconds: 0.0,
            });
        }
    }
    clips
}

fn from_pairs(folder: &Path, wrong: &mut Vec<String>) -> Vec<Labelled> {
    let mut files = BTreeMap::new();
    walk(folder, DEPTH_MAX, &mut files, wrong);
    let mut clips = Vec::new();
    for (path, is_sound) in &files {
        let name = path.strip_prefix(folder).unwrap_or(path);
        if !is_sound {
            let sound = ["wav", "WAV"].map(|ending| path.with_extension(ending));
            if !sound.iter().any(|sound| files.contains_key(sound)) {
                wrong.push(format!("{}: no .wav of that name beside it", name.display()));
            }
            continue;
        }
        let words = path.with_extension("txt");
        if !files.contains_key(&words) {
            wrong
                .push(format!("{}: no .txt of that name with its words beside it", name.display()));
            continue;
        }
        let dialect = name.parent().filter(|p| *p != Path::new(""));
        match text_of(&words) {
            Ok(text) => clips.push(Labelled {
                name: name.display().to_string(),
                path: path.clone(),
                text: text.split_whitespace().collect::<Vec<_>>().join(" "),
                dialect: dialect.map_or("all".to_owned(), |p| p.display().to_string()),
                language: None,
                seconds: 0.0,
            }),
            Err(why) => wrong.push(why),
        }
    }
    clips
}

/// WAV (true) and text (false) files below `folder`, in order.
fn walk(folder: &Path, depth: usize, files: &mut BTreeMap<PathBuf, bool>, wrong: &mut Vec<String>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return wrong.push(format!("{}: {error}", folder.display())),
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() && depth > 0 {
            walk(&path, depth - 1, files, wrong);
        }
        let ending = path.extension().and_then(|e| e.to_str()).map(str::to_lowercase);
        let is_sound = match ending.as_deref() {
            Some("wav") => true,
            Some("txt") => false,
            _ => continue,
        };
        if files.len() == 2 * CLIPS_MAX {
            return wrong.push(format!("{}: more than {CLIPS_MAX} clips", folder.display()));
        }
        files.insert(path, is_sound);
    }
}

fn variants(path: &Path, wrong: &mut Vec<String>) -> HashMap<String, String> {
    let mut variants = HashMap::new();
    if !path.is_file() {
        return variants;
    }
    let text = text_of(path).unwrap_or_else(|why| {
        wrong.push(why);
        String::new()
    });
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let words: Vec<String> = line.split('\t').map(|w| normalise(w, Form::Folded)).collect();
        let usable = words.len() > 1 && words.iter().all(|w| !w.is_empty() && !w.contains(' '));
        if !usable {
            let at = format!("{}:{}", path.display(), number + 1);
            wrong.push(format!("{at}: give two or more single words, parted by tabs"));
            continue;
        }
        for word in &words[1..] {
            variants.insert(word.clone(), words[0].clone());
        }
    }
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn sound(&self, name: &str) -> &Self {
            let path = self.0.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            wav::write(&path, CALLER_RATE_HZ, &[&[0; 8_000]]).unwrap();
            self
        }

        fn file(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
            std::fs::write(self.0.path().join(name), content).unwrap();
            self
        }

        fn read(&self) -> Result<Labels, LabelError> {
            read(self.0.path())
        }

        fn wrong(&self) -> String {
            self.read().unwrap_err().to_string()
        }
    }

    #[test]
    fn a_wav_with_its_words_beside_it_is_a_clip_of_its_folders_dialect() {
        let folder = Folder::new();
        folder.sound("a.wav").file("a.txt", "نعم\n\nطيب ");
        folder.sound("gulf/b.WAV").file("gulf/b.txt", "\u{feff}زين");
        let labels = folder.read().unwrap();
        let seen: Vec<_> = labels
            .clips
            .iter()
            .map(|c| (c.name.as_str(), c.text.as_str(), c.dialect.as_str(), c.seconds))
            .collect();
        assert_eq!(seen, [("a.wav", "نعم طيب", "all", 0.5), ("gulf/b.WAV", "زين", "gulf", 0.5)]);
    }

    #[test]
    fn a_manifest_names_files_words_dialects_and_languages() {
        let folder = Folder::new();
        folder.sound("a.wav").sound("b.wav");
        folder.file(
            "manifest.tsv",
            "file\tdialect\ttext\tlanguage\r\na.wav\tegyptian\tايوه\tar\n\nb.wav\t\t\t\n",
        );
        folder.file("variants.tsv", "app\tآب\tApplication\n");
        let labels = folder.read().unwrap();
        assert_eq!(labels.clips[0].dialect, "egyptian");
        assert_eq!(labels.clips[0].language.as_deref(), Some("ar"));
        assert_eq!((labels.clips[1].text.as_str(), labels.clips[1].dialect.as_str()), ("", "all"));
        assert_eq!(labels.variants["اب"], "app");
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_its_line() {
        let folder = Folder::new();
        folder.sound("a.wav").file("bad.wav", "no sound");
        folder.file(
            "manifest.tsv",
            "file\ttext\na.wav\tنعم\na.wav\tنعم\n../b.wav\tx\nc.wav\nmissing.wav\tx\nbad.wav\tx\n",
        );
        folder.file("variants.tsv", "one\n");
        let wrong = folder.wrong();
        for part in [
            "manifest.tsv:3: a.wav is there twice",
            "manifest.tsv:4: \"../b.wav\" is no file below",
            "manifest.tsv:5: 1 fields where the first line names 2",
            "missing.wav can not be used",
            "bad.wav can not be used",
            "variants.tsv:1: give two",
            "mend these",
        ] {
            assert!(wrong.contains(part), "{part} in {wrong}");
        }
    }

    #[test]
    fn folders_that_hold_nothing_to_measure_say_what_they_need() {
        let folder = Folder::new();
        assert!(folder.wrong().contains("put a .txt beside each .wav"));
        folder.sound("a.wav");
        assert!(folder.wrong().contains("a.wav: no .txt"));
        folder.file("a.txt", [0x6e, 0x0a, 0xff]);
        assert!(folder.wrong().contains("a.txt:2: not UTF-8"), "{}", folder.wrong());
        folder.file("a.txt", "x".repeat(5_000));
        assert!(folder.wrong().contains("5000 characters"));
        folder.file("manifest.tsv", "a.wav\tnoheader\n");
        assert!(folder.wrong().contains("manifest.tsv:1: the first line must name"));
        assert!(read(Path::new("no such folder")).unwrap_err().to_string().contains("no such"));
    }

    #[test]
    fn many_mistakes_are_counted_and_not_all_told() {
        let folder = Folder::new();
        let lines: String = (0..50).map(|n| format!("{n}.wav\n")).collect();
        folder.file("manifest.tsv", format!("file\ttext\n{lines}"));
        assert!(folder.wrong().contains("… and 30 more"), "{}", folder.wrong());
    }
}
