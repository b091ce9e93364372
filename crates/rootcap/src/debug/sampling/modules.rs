//! The executable and its libraries, as they are mapped into this process.

use std::{
    fs::{self, File},
    io,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use framehop::ExplicitModuleSectionInfo;
use object::{Object, ObjectSection, ObjectSegment, ReadCache, ReadRef, SegmentFlags, elf::PF_X};

/// Code that the system gives to each process; it is in no file.
const VDSO: &str = "[vdso]";
/// Of all processors that this is for.
const LARGEST_PAGE: u64 = 64 * 1024;

/// A mapped file that has code.
#[derive(Debug, Clone)]
pub(super) struct Module {
    /// As the system names it.
    pub(super) path: String,
    /// All addresses at which it is mapped.
    pub(super) range: Range<u64>,
    /// Where the first of them is in the file.
    pub(super) offset: u64,
    /// What addresses in this process are ahead of those that the linker gave.
    pub(super) bias: u64,
    /// The linker's, by which others find the same file.
    pub(super) build_id: String,
}

/// How to get from one function to the one that has called it.
pub(super) type Sections = ExplicitModuleSectionInfo<Vec<u8>>;

/// A line of `/proc/self/maps` with code.
#[derive(Debug, PartialEq, Eq)]
struct Mapping<'a> {
    range: Range<u64>,
    offset: u64,
    path: &'a str,
}

impl<'a> Mapping<'a> {
    /// `55d0c000-55d0d000 r-xp 00001000 fe:00 1234     /usr/bin/server`
    fn of(line: &'a str) -> Option<Self> {
        let mut rest = line.trim_end();
        let mut next = || {
            let (word, after) = rest.split_once(' ')?;
            rest = after.trim_start();
            Some(word)
        };
        let (range, rights, offset, _device, _inode) =
            (next()?, next()?, next()?, next()?, next()?);
        let (from, to) = range.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        let path = rest;
        let code = rights.contains('x') && (path.starts_with('/') || path == VDSO);
        code.then_some(Self { range: number(from)?..number(to)?, offset: number(offset)?, path })
    }
}

/// What of this process is code, a mapping a line.
///
/// # Errors
/// When the system does not say what is mapped.
pub(super) fn mapped() -> io::Result<String> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    Ok(maps.split_inclusive('\n').filter(|line| Mapping::of(line).is_some()).collect())
}

/// The modules that are so mapped, each with what unwinding needs of it. What cannot be read is left out.
pub(super) fn of(mapped: &str) -> Vec<(Module, Sections)> {
    let mut modules: Vec<(Module, Sections)> = Vec::new();
    for mapping in mapped.lines().filter_map(Mapping::of) {
        match modules.iter_mut().find(|(module, _)| module.path == mapping.path) {
            Some((module, _)) => module.range.end = module.range.end.max(mapping.range.end),
            None => modules.extend(read(&mapping)),
        }
    }
    modules
}

impl Module {
    /// Where its file is; for the executable, the one that runs, though another may have taken its place.
    pub(super) fn file(&self) -> Option<PathBuf> {
        file(&self.path)
    }

    /// The address that the file itself gives to one of this process.
    pub(super) fn address_in_file(&self, address: u64) -> u64 {
        address.wrapping_sub(self.bias)
    }
}

fn file(path: &str) -> Option<PathBuf> {
    let link = Path::new("/proc/self/exe");
    let executable = fs::read_link(link).is_ok_and(|target| target.as_os_str() == path);
    match path {
        VDSO => None,
        _ if executable => Some(link.to_owned()),
        _ => Some(path.into()),
    }
}

fn read(mapping: &Mapping<'_>) -> Option<(Module, Sections)> {
    match file(mapping.path) {
        Some(path) => look(mapping, &ReadCache::new(File::open(path).ok()?)),
        None => {
            let length = mapping.range.end - mapping.range.start;
            let mut image = vec![0; usize::try_from(length).ok()?];
            let memory = File::open("/proc/self/mem").ok()?;
            memory.read_exact_at(&mut image, mapping.range.start).ok()?;
            look(mapping, image.as_slice())
        }
    }
}

fn look<'a>(mapping: &Mapping<'_>, data: impl ReadRef<'a>) -> Option<(Module, Sections)> {
    let file = object::File::parse(data).ok()?;
    let segment = file.segments().find(|segment| holds(segment, mapping.offset))?;
    let linked = segment.address().wrapping_sub(segment.file_range().0);
    let bias = mapping.range.start.wrapping_sub(linked.wrapping_add(mapping.offset));
    let id = file.build_id().ok().flatten().unwrap_or_default();
    let module = Module {
        path: mapping.path.to_owned(),
        range: mapping.range.clone(),
        offset: mapping.offset,
        bias,
        build_id: id.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    Some((module, sections(&file)))
}

/// Whether it is code, and mapped from this offset on: it begins anywhere in the first page.
fn holds<'a>(segment: &impl ObjectSegment<'a>, offset: u64) -> bool {
    let SegmentFlags::Elf { p_flags } = segment.flags() else { return false };
    let (from, size) = segment.file_range();
    p_flags & PF_X != 0 && from < offset + LARGEST_PAGE && offset < from + size
}

fn sections<'a>(file: &object::File<'a, impl ReadRef<'a>>) -> Sections {
    let range = |name: &str| {
        let section = file.section_by_name(name)?;
        Some(section.address()..section.address() + section.size())
    };
    let data = |name: &str| Some(file.section_by_name(name)?.data().ok()?.to_vec());
    Sections {
        base_svma: 0,
        text_svma: range(".text"),
        got_svma: range(".got"),
        eh_frame_svma: range(".eh_frame"),
        eh_frame: data(".eh_frame"),
        eh_frame_hdr_svma: range(".eh_frame_hdr"),
        eh_frame_hdr: data(".eh_frame_hdr"),
        ..Sections::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn lines_without_code_are_none() {
        let code = "7f1c8000-7f1d0000 r-xp 00028000 fe:00 17  /usr/lib/a b.so (deleted)";
        let range = 0x7f1c_8000..0x7f1d_0000;
        let path = "/usr/lib/a b.so (deleted)";
        assert_eq!(Mapping::of(code), Some(Mapping { range, offset: 0x28000, path }));
        for line in [
            "7f1c8000-7f1d0000 r--p 00028000 fe:00 17  /usr/lib/libc.so.6",
            "7f1c8000-7f1d0000 r-xp 00000000 00:00 0",
            "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  [vsyscall]",
            "",
        ] {
            assert_eq!(Mapping::of(line), None, "{line}");
        }
    }

    #[test]
    fn this_program_and_the_c_library_are_found_with_what_unwinding_needs() {
        let modules = of(&mapped().unwrap());
        let here = lines_without_code_are_none as fn() as usize as u64;
        let (module, sections) =
            modules.iter().find(|(module, _)| module.range.contains(&here)).unwrap();
        assert!(sections.text_svma.clone().unwrap().contains(&module.address_in_file(here)));
        assert!(sections.eh_frame_hdr.is_some() && sections.eh_frame.is_some());
        assert_eq!(module.file().unwrap(), Path::new("/proc/self/exe"));
        assert!(modules.len() > 1);
    }
}
