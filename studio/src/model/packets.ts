/** A packet in a line, as a list of packets shows it. */
import type { DissectedLayer } from 'beeyard/packet';
import type { PacketSummary } from '../protocol.ts';

const CONTENTS = ['data', 'padding'];

/** Of the innermost header that is known; addresses of the innermost that has some. */
export function summaryOf(layers: readonly DissectedLayer[]): PacketSummary {
  const headers = layers.filter(({ protocol }) => !CONTENTS.includes(protocol));
  const inner = headers.at(-1);
  if (!inner) return { protocol: 'data', source: '', destination: '', info: '' };
  const text = (layer: DissectedLayer | undefined, name: string) =>
    layer?.fields.find((field) => field.name === name)?.text;
  const addressed = headers.findLast((one) => text(one, 'source')?.match(/[.:]/));
  const ported = headers.findLast((one) => text(one, 'sourcePort') !== undefined);
  const port = (name: string) => {
    const found = text(ported, name);
    return found === undefined ? '' : `:${found}`;
  };
  const flags = text(inner, 'flags');
  const problems = layers.flatMap((layer) => layer.problems);
  const end = (side: 'source' | 'destination') => {
    const [address, number] = [text(addressed, side) ?? '', port(`${side}Port`)];
    return number && address.includes(':') ? `[${address}]${number}` : `${address}${number}`;
  };
  return {
    protocol: inner.protocol,
    source: end('source'),
    destination: end('destination'),
    info: [...(flags ? [flags] : []), ...problems].join(' · '),
  };
}
