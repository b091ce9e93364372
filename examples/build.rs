//! The version of the commit, for `/info`.

fn main() {
    rootcap_build::emit();
}
