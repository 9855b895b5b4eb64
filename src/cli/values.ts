import { hexBytes } from '../base/index.ts';

/** JSON as bpftool writes it: 64-bit numbers as plain digits, bytes as hex words. */
export function toJson(value: unknown, pretty: boolean, indent = ''): string {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) {
    return toJson(
      Array.from(value, (byte) => `0x${hexBytes(Uint8Array.of(byte))}`),
      false,
    );
  }
  if (value instanceof Map) return toJson(Object.fromEntries(value), pretty, indent);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const inner = `${indent}  `;
  const items = Array.isArray(value)
    ? value.map((item) => toJson(item, pretty, inner))
    : Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(
          ([key, item]) =>
            `${JSON.stringify(key)}:${pretty ? ' ' : ''}${toJson(item, pretty, inner)}`,
        );
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  if (!pretty || items.length === 0) return `${open}${items.join(',')}${close}`;
  return `${open}\n${items.map((item) => inner + item).join(',\n')}\n${indent}${close}`;
}
