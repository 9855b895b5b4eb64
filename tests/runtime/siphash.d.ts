declare module 'siphash' {
  /** SipHash-2-4 with a key of four words; halves of the 64 bits. */
  const SipHash: {
    hash(key: readonly number[], message: Uint8Array): { readonly h: number; readonly l: number };
  };
  export default SipHash;
}
