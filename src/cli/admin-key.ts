import { createHash, randomBytes } from 'node:crypto';

const usage = `usage: npm run --silent admin-key -- <name> [admin|operator|viewer]

Makes an administrator's key. The first line is the key, for its owner alone; the second is its entry for ADMIN_API_KEYS,
which does not give it away. To rotate: list the old and the new one under one name, and take the old one away later.`;

const [name = '', role = 'admin', ...others] = process.argv.slice(2);
if (name === '--help' || name === '-h') {
  console.log(usage);
} else if (!/^[\w.-]{1,64}$/.test(name) || !['admin', 'operator', 'viewer'].includes(role) || others.length > 0) {
  console.error(usage);
  process.exitCode = 2;
} else {
  const key = randomBytes(32).toString('base64url');
  console.log(key);
  console.log(`${name}:${role}:sha256:${createHash('sha256').update(key).digest('hex')}`);
}
