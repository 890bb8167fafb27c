//! A value that several own, and that each changes as if it were its own.

#![forbid(unsafe_code)]

use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// So far back an equal value is looked for.
const NEAR: usize = 8;

/// A change makes a copy if others share the value. Most services of a container have most of their settings in
/// common: they take no more memory than one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shared<T>(Rc<T>);

impl<T: PartialEq> Shared<T> {
    /// Takes the value of one of these, the last of which are looked at, in place of an equal one of its own.
    pub fn share<'a>(&mut self, others: impl DoubleEndedIterator<Item = &'a Shared<T>>)
    where
        T: 'a,
    {
        if let Some(other) = others.rev().take(NEAR).find(|other| *other == self) {
            self.0 = Rc::clone(&other.0);
        }
    }
}

impl<T: Clone> Shared<T> {
    /// A copy that is not shared.
    pub fn anew(&self) -> Shared<T> {
        T::clone(self).into()
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Shared(Rc::new(value))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Rc::make_mut(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_nobody_else_s() {
        let one = Shared::from(vec![1]);
        let mut other = one.clone();
        other.push(2);
        assert_eq!((one.as_slice(), other.as_slice()), (&[1][..], &[1, 2][..]));
    }

    #[test]
    fn only_an_equal_value_is_shared() {
        let known = [Shared::from(1), Shared::from(2)];
        let mut same = Shared::from(1);
        same.share(known.iter());
        assert!(Rc::ptr_eq(&same.0, &known[0].0));
        let mut different = Shared::from(3);
        different.share(known.iter());
        assert_eq!(*different, 3);
    }
}
