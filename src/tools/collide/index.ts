export { isPadding, type KeyField, keyFields, parseRange } from './fields.ts';
export { DEFAULT_PROTOCOL, packetFor, packetRoles } from './packets.ts';
