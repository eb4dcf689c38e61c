export { Member } from './member.js';
export { ProcessGroup } from './process-group.js';
