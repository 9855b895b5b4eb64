import { type Btf, type BtfInput, type BtfValue, decodeValue, encodeValue } from '../btf/index.ts';
import { KernelError, putLittleEndian } from '../base/index.ts';
import { parseAddress, parsePrefix } from '../packet/address.ts';

/** How one side of a map (keys or values) goes between bytes and JavaScript values. */
export interface Codec {
  readonly size: number;
  decode(bytes: Uint8Array): BtfValue | Uint8Array;
  encode(value: BtfInput): Uint8Array;
}

/** The codec for a BTF type, or for plain bytes where the object does not say the type. */
export function codecFor(btf: Btf | undefined, typeId: number, size: number): Codec {
  return btf && typeId !== 0 && typeSize(btf, typeId) === size
    ? typedCodec(btf, typeId, size)
    : plainCodec(size);
}

function typeSize(btf: Btf, typeId: number): number {
  try {
    return btf.sizeOf(typeId);
  } catch {
    return -1;
  }
}

function typedCodec(btf: Btf, typeId: number, size: number): Codec {
  return {
    size,
    decode: (bytes) => decodeValue(btf, typeId, bytes),
    encode(value) {
      if (typeof value === 'string') {
        const address = parseAddress(value, size);
        if (address) return address;
      }
      return exactSize(encodeValue(btf, typeId, value), size);
    },
  };
}

/** Without types: numbers for 1, 2 and 4 bytes, bigints for 8, bytes for the rest. */
function plainCodec(size: number): Codec {
  return {
    size,
    decode: (bytes) => plainNumber(bytes) ?? bytes.slice(),
    encode(value) {
      if (value instanceof Uint8Array) return exactSize(value, size);
      if (typeof value === 'string') {
        const address = parseAddress(value, size);
        if (address) return address;
      }
      if (typeof value !== 'number' && typeof value !== 'bigint') {
        throw invalid(`give ${size} bytes or a number: the object has no type for this`);
      }
      const bytes = new Uint8Array(size);
      const number = BigInt(value);
      putLittleEndian(bytes, 0, size, number);
      const rest = number >> BigInt(8 * size);
      if (rest !== 0n && rest !== -1n) throw invalid(`${value} does not fit ${size} bytes`);
      return bytes;
    },
  };
}

function plainNumber(bytes: Uint8Array): number | bigint | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (bytes.length) {
    case 1:
      return view.getUint8(0);
    case 2:
      return view.getUint16(0, true);
    case 4:
      return view.getUint32(0, true);
    case 8:
      return view.getBigUint64(0, true);
    default:
      return undefined;
  }
}

/** Keys of LPM tries may be prefixes as text. */
export function prefixCodec(inner: Codec, littleEndian: boolean): Codec {
  return {
    ...inner,
    encode(value) {
      const prefix =
        typeof value === 'string' ? parsePrefix(value, inner.size, littleEndian) : undefined;
      return prefix ?? inner.encode(value);
    },
  };
}

function exactSize(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length !== size) throw invalid(`${bytes.length} bytes given for ${size}`);
  return bytes;
}

function invalid(message: string): KernelError {
  return new KernelError('EINVAL', 22, message);
}
