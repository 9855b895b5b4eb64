/** Events of packets in words. */
import type { PacketTrace, TraceEvent } from '../kernel/index.ts';

/** How the words that matter are set apart: with colours of a terminal, or not at all. */
export interface TraceStyle {
  bold(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  accent(text: string): string;
}

/** One event in words. */
export function eventWords(event: TraceEvent, style: TraceStyle): string {
  switch (event.kind) {
    case 'receive':
      return `comes in by queue ${event.queue}`;
    case 'send':
      return 'sent from here';
    case 'program':
      return programWords(event, style);
    case 'redirect':
      return `${event.by} → ${event.to}${event.ingress ? ', coming in' : ''}`;
    case 'clone':
      return `copied: packet ${event.id} goes to ${event.to}`;
    case 'transmit':
      return 'goes out';
    case 'peer':
      return `across to ${event.to}${event.crosses ? ', another namespace' : ''}`;
    case 'eswitch':
      return `the card's switch gives it to ${event.to} (${event.path})`;
    case 'route':
      return `route ${event.to} through ${event.out}${event.via ? ` via ${event.via}` : ''}`;
    case 'forward':
      return `forwarded, TTL ${event.ttl}`;
    case 'neighbour':
      return event.state === 'asked'
        ? `waits: who has ${event.address}?`
        : `${event.address} has answered`;
    case 'deliver':
      return style.good(`delivered: ${event.to}`);
    case 'wire':
      return style.good('on the wire');
    case 'answer':
      return `packet ${event.id} is sent because of it: ${event.what}`;
    default:
      return style.bad(`dropped: ${event.reason}${event.why ? ` (${event.why})` : ''}`);
  }
}

function programWords(event: TraceEvent & { kind: 'program' }, style: TraceStyle): string {
  const { hook, program, verdict, rewrites, resized, cpu, fault } = event;
  const changes = rewrites.map(({ at, length }) =>
    length === 1 ? `byte ${at}` : `bytes ${at}-${at + length - 1}`,
  );
  const parts = [
    ...(resized ? [`${resized[0]} → ${resized[1]} bytes`] : []),
    ...(changes.length > 0 ? [`changed ${changes.slice(0, 4).join(', ')}`] : []),
    ...(changes.length > 4 ? [`and ${changes.length - 4} more places`] : []),
    ...(cpu === undefined ? [] : [`on CPU ${cpu}`]),
    ...(fault === undefined ? [] : [fault]),
  ];
  const more = parts.length > 0 ? `; ${parts.join(', ')}` : '';
  return `${hook} ${style.accent(program.name)} [${program.id}]: ${style.bold(verdict)}${more}`;
}

/** What became of a packet: the word and, for drops, the reason. */
export function fateOf({ events }: PacketTrace): { fate: string; reason?: string } {
  for (let i = events.length - 1; i >= 0; i--) {
    const event = events[i]!;
    if (event.kind === 'drop') return { fate: 'dropped', reason: event.reason };
    if (event.kind === 'deliver') return { fate: 'delivered' };
    if (event.kind === 'wire') return { fate: 'on the wire' };
  }
  return { fate: 'under way' };
}
