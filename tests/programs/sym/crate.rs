// SPDX-License-Identifier: GPL-3.0-or-later
//! crate.rs - a subject of the symbol tests: paths, traits, generics and closures of Rust.

pub mod store {
    pub trait Visit<T> {
        fn visit(&self, item: T) -> u64;
    }

    pub struct Counter<T>(pub T);

    impl<T: Copy + Into<u64>> Visit<&[T]> for Counter<T> {
        #[inline(never)]
        fn visit(&self, items: &[T]) -> u64 {
            items.iter().map(|i| (*i).into()).sum::<u64>() + self.0.into()
        }
    }

    #[inline(never)]
    pub fn apply<F: Fn(u64) -> u64, const N: usize>(f: F, numbers: [u64; N]) -> u64 {
        numbers.iter().map(|n| f(*n)).sum()
    }
}

fn main() {
    use store::Visit;
    let dynamic: Box<dyn Visit<&'static [u8]>> = Box::new(store::Counter(3u8));
    let offset = std::env::args().count() as u64;
    println!("{}", dynamic.visit(&[1, 2, 3]) + store::apply(|n| n * offset, [1, 2, 3]));
}
