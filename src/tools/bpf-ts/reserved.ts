/** Names that mean something else in C or in beeyard's headers. */
export const RESERVED: ReadonlySet<string> = new Set(
  (
    'alignas alignof asm auto bool char constexpr double extern float goto inline int long ' +
    'nullptr register restrict short signed sizeof static static_assert struct thread_local ' +
    'typedef typeof_unqual union unsigned volatile NULL SEC LICENSE likely unlikely memcpy ' +
    'memset unix linux bpf u8 u16 u32 u64 s8 s16 s32 s64 s6_addr s6_addr32'
  ).split(' '),
);
