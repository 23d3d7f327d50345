//! `wire!`: the one way to declare a record that crosses the boundary.

/// A field of a record: how many bytes it takes and how it is read back from them.
///
/// Implemented for unsigned integers, for arrays of them, and by [`wire!`] for the records
/// themselves, so that records nest.
pub trait Field: Sized {
    /// Size in bytes, which is also the distance to the next field.
    const SIZE: usize;

    /// Reads the field from the first [`Field::SIZE`] bytes; `None` when there are fewer.
    fn read(bytes: &[u8]) -> Option<Self>;

    /// Writes the field into the first [`Field::SIZE`] bytes; `None` when there are fewer.
    fn write(&self, bytes: &mut [u8]) -> Option<()>;
}

macro_rules! integer_field {
    ($($int:ty),*) => {$(
        impl Field for $int {
            const SIZE: usize = size_of::<Self>();

            fn read(bytes: &[u8]) -> Option<Self> {
                Some(Self::from_ne_bytes(*bytes.first_chunk()?))
            }

            fn write(&self, bytes: &mut [u8]) -> Option<()> {
                *bytes.first_chunk_mut()? = self.to_ne_bytes();
                Some(())
            }
        }
    )*};
}

integer_field!(u8, u16, u32, u64);

impl<T: Field + Zero + Copy, const N: usize> Field for [T; N] {
    const SIZE: usize = N * T::SIZE;

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut items = [T::ZERO; N];
        for (item, bytes) in items.iter_mut().zip(bytes.get(..Self::SIZE)?.chunks(T::SIZE)) {
            *item = T::read(bytes)?;
        }
        Some(items)
    }

    fn write(&self, bytes: &mut [u8]) -> Option<()> {
        let bytes = bytes.get_mut(..Self::SIZE)?;
        self.iter().zip(bytes.chunks_mut(T::SIZE)).try_for_each(|(item, to)| item.write(to))
    }
}

/// Declares a `repr(C)` record and its total, allocation-free reader.
///
/// The build fails with "implicit padding" when the fields leave a gap, so a record has the same
/// bytes on both sides and never carries uninitialised memory out of the kernel.
macro_rules! wire {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$field_meta:meta])* pub $field:ident: $ty:ty, )+
        }
    ) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $ty, )+
        }

        const _: () = assert!(
            size_of::<$name>() == 0 $( + size_of::<$ty>() )+,
            concat!("implicit padding in ", stringify!($name)),
        );

        impl $name {
            /// Size of the record in bytes.
            pub const SIZE: usize = size_of::<Self>();

            /// A record whose every byte is zero.
            pub const ZERO: Self = Self { $( $field: <$ty as $crate::wire::Zero>::ZERO, )+ };

            /// Reads the record from the start of `bytes`; `None` when they are too few.
            /// Bytes behind the record are ignored: a newer kernel half may append fields.
            pub fn read(bytes: &[u8]) -> Option<Self> {
                <Self as $crate::wire::Field>::read(bytes)
            }

            /// The record's bytes.
            pub fn bytes(&self) -> [u8; Self::SIZE] {
                let mut bytes = [0; Self::SIZE];
                // The array has the record's size, so there is room for every field.
                let _ = $crate::wire::Field::write(self, &mut bytes);
                bytes
            }
        }

        impl $crate::wire::Zero for $name {
            const ZERO: Self = Self::ZERO;
        }

        impl $crate::wire::Field for $name {
            const SIZE: usize = size_of::<Self>();

            fn read(bytes: &[u8]) -> Option<Self> {
                let mut at = 0;
                $(
                    let $field = <$ty as $crate::wire::Field>::read(bytes.get(at..)?)?;
                    at += <$ty as $crate::wire::Field>::SIZE;
                )+
                let _ = at;
                Some(Self { $( $field, )+ })
            }

            fn write(&self, bytes: &mut [u8]) -> Option<()> {
                let mut at = 0;
                $(
                    $crate::wire::Field::write(&self.$field, bytes.get_mut(at..)?)?;
                    at += <$ty as $crate::wire::Field>::SIZE;
                )+
                let _ = at;
                Some(())
            }
        }
    };
}

/// The all-zero value of a field, usable in constants.
pub trait Zero {
    /// The value whose every byte is zero.
    const ZERO: Self;
}

macro_rules! integer_zero {
    ($($int:ty),*) => {$( impl Zero for $int { const ZERO: Self = 0; } )*};
}

integer_zero!(u8, u16, u32, u64);

impl<T: Zero + Copy, const N: usize> Zero for [T; N] {
    const ZERO: Self = [T::ZERO; N];
}

pub(crate) use wire;
