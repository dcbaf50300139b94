//! The zip archive that `torch.export.save` writes: which entries it has, within limits.
//!
//! PyTorch stores entries and never compresses them, and the `zip` crate is built without a decompressor: what is read is never
//! larger than the file.

use std::io::{Cursor, Read};

use serde::de::DeserializeOwned;
use zip::read::{ArchiveOffset, Config};
use zip::{CompressionMethod, ZipArchive};

use super::schema::{ExportedProgram, Header, PayloadConfig, SchemaVersion};
use crate::diagnostic::{Finding, FindingId};

/// Schema versions that were tried, and the release of PyTorch that writes each.
pub const SCHEMA_VERSIONS: &[(u32, u32, &str)] = &[(8, 14, "2.9"), (8, 15, "2.10"), (8, 17, "2.11")];

/// Most entries of an archive; it has one for each tensor.
const MAX_ENTRIES: usize = 100_000;

/// Largest JSON file read. That of a network of a thousand layers has about 5 MB.
const MAX_JSON_BYTES: u64 = 64 << 20;

/// Largest file of recorded samples, in its text form.
const MAX_EXAMPLE_BYTES: u64 = 256 << 20;

/// The file in which a recording carries inputs and outputs, below `extra/`.
const EXAMPLE: &str = "neurocuda/example.safetensors";

/// An open archive.
pub(super) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// Of the whole file, in bytes.
    length: u64,
    /// The folder that everything is in, with its slash.
    root: String,
    model: String,
}

fn unreadable(reason: impl std::fmt::Display) -> Finding {
    Finding::new(FindingId::ArchiveUnreadable, format!("the archive cannot be read: {reason}"))
        .help("write it again with `torch.export.save(torch.export.export(model.eval(), (x,)), \"model.pt2\")`, and copy it whole")
}

impl<'a> Archive<'a> {
    /// Opens an archive and checks that it is one of `torch.export`.
    ///
    /// # Errors
    /// `archive-unreadable` where it is damaged, `model-format` where it is another kind of archive.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, Finding> {
        // An archive has another one in it, the sample inputs, whose directory must not be taken for its own.
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let mut zip = ZipArchive::with_config(config, Cursor::new(bytes)).map_err(unreadable)?;
        if zip.len() > MAX_ENTRIES {
            return Err(unreadable(format!("it has more than {MAX_ENTRIES} entries")));
        }
        if zip.has_duplicate_names() || zip.has_overlapping_files().map_err(unreadable)? {
            return Err(unreadable("two of its entries have the same name or the same place"));
        }
        let names: Vec<String> = zip
            .file_names()
            .map(|name| name.map(std::borrow::Cow::into_owned))
            .collect::<Result<_, _>>()
            .map_err(unreadable)?;
        let odd = |name: &&String| {
            name.starts_with('/') || name.contains('\\') || name.split('/').any(|part| part == "..")
        };
        if let Some(name) = names.iter().find(odd) {
            return Err(unreadable(format!("an entry is called {name:?}")));
        }
        // Everything is in one folder, which has the archive's name.
        let inner = |name: &str| name.split_once('/').map_or(String::new(), |(_, inner)| inner.to_owned());
        let has = |file: &str| names.iter().any(|name| name == file || inner(name) == file);
        let is_model = |name: &str| {
            inner(name)
                .strip_prefix("models/")
                .is_some_and(|file| !file.contains('/') && file.ends_with(".json"))
        };
        let models: Vec<String> = names.iter().filter(|name| is_model(name)).cloned().collect();
        let model = match models.as_slice() {
            [model] => model.clone(),
            [] if has("data.pkl") => return Err(pickled()),
            [] if has("serialized_exported_program.json") => return Err(version("a PyTorch before 2.8", "")),
            [] => {
                let message = "the file is a zip archive, but none that `torch.export.save` wrote";
                return Err(Finding::new(FindingId::ModelFormat, message).help(super::WAYS_IN));
            }
            several => {
                return Err(unreadable(format!("it holds {} models; one is supported", several.len())));
            }
        };
        let root = model.split_once('/').map_or(String::new(), |(root, _)| format!("{root}/"));
        let mut archive = Self { zip, length: bytes.len() as u64, root, model };
        let (format, version_) = (archive.text("archive_format")?, archive.text("archive_version")?);
        if format != "pt2" || version_ != "0" {
            return Err(version(&format!("archive format {format:?} version {version_:?}"), ""));
        }
        match archive.text("byteorder")?.as_str() {
            "little" => Ok(archive),
            order => Err(unreadable(format!("its byte order is {order:?}; only \"little\" is supported"))),
        }
    }

    /// The recorded graph.
    ///
    /// # Errors
    /// `archive-version` for a schema that was not tried, `archive-unreadable`.
    pub(super) fn program(&mut self) -> Result<ExportedProgram, Finding> {
        let name = self.model.clone();
        let bytes = self.entry(&name, MAX_JSON_BYTES)?;
        let Header { schema_version, torch_version } = parse(&name, &bytes)?;
        let SchemaVersion { major, minor } = schema_version;
        if !SCHEMA_VERSIONS.iter().any(|(a, b, _)| (*a, *b) == (major, minor)) {
            return Err(version(&format!("schema {major}.{minor}"), &torch_version));
        }
        parse(&name, &bytes)
    }

    /// The folder `weights` or `constants`: what it holds, by state-dict name.
    pub(super) fn payloads(&mut self, kind: &str) -> Result<PayloadConfig, Finding> {
        let model =
            self.model.rsplit('/').next().and_then(|file| file.strip_suffix(".json")).unwrap_or_default();
        let name = format!("{}data/{kind}/{model}_{kind}_config.json", self.root);
        let bytes = self.entry(&name, MAX_JSON_BYTES)?;
        parse(&name, &bytes)
    }

    /// The bytes of a tensor.
    pub(super) fn payload(&mut self, kind: &str, path: &str) -> Result<Vec<u8>, Finding> {
        self.entry(&format!("{}data/{kind}/{path}", self.root), u64::MAX)
    }

    /// The recorded samples, base64 of a safetensors file: `extra_files` of `torch.export.save` are text.
    pub(super) fn example(&mut self) -> Result<Option<Vec<u8>>, Finding> {
        use base64::Engine;
        let name = format!("{}extra/{EXAMPLE}", self.root);
        if self.zip.index_for_name(&name).is_none() {
            return Ok(None);
        }
        let text = self.entry(&name, MAX_EXAMPLE_BYTES)?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text);
        bytes.map(Some).map_err(|error| {
            Finding::new(
                FindingId::ExampleInvalid,
                format!("the recorded samples `{EXAMPLE}` are not base64: {error}"),
            )
            .help("record them again with `neurocuda.export`, or save the model without that extra file")
        })
    }

    fn text(&mut self, name: &str) -> Result<String, Finding> {
        let bytes = self.entry(&format!("{}{name}", self.root), 100)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    fn entry(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, Finding> {
        let mut file = self.zip.by_name(name).map_err(|error| unreadable(format!("{name}: {error}")))?;
        if file.compression() != CompressionMethod::Stored {
            return Err(unreadable(format!("{name} is compressed, which `torch.export.save` does not do")));
        }
        if file.size() > limit.min(self.length) {
            return Err(unreadable(format!("{name} has {} bytes", file.size())));
        }
        let mut bytes = Vec::new();
        // The checksum is compared at the end.
        file.read_to_end(&mut bytes).map_err(|error| unreadable(format!("{name}: {error}")))?;
        Ok(bytes)
    }
}

fn parse<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, Finding> {
    serde_json::from_slice(bytes).map_err(|error| unreadable(format!("{name}: {error}")))
}

fn version(what: &str, torch: &str) -> Finding {
    let by = if torch.is_empty() { String::new() } else { format!(", written by PyTorch {torch}") };
    let known =
        SCHEMA_VERSIONS.iter().map(|(major, minor, torch)| format!("{major}.{minor} (PyTorch {torch})"));
    let known = known.collect::<Vec<_>>().join(", ");
    Finding::new(FindingId::ArchiveVersion, format!("the archive is of {what}{by}; schemas read are {known}"))
        .help("export with one of these releases of PyTorch, or take the other way in: a graph description (.ncg) with its safetensors file, which `neurocuda.export` writes")
}

fn pickled() -> Finding {
    Finding::new(
        FindingId::ModelFormat,
        "the file is a pickled PyTorch file (`torch.save`): it holds Python objects or weights, and no graph",
    )
    .help(super::WAYS_IN)
}
