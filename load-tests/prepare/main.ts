import { parseArgs } from 'node:util';
import { adminApi } from '../verify/admin-api.js';

const usage = `usage: npm run --silent load:sale -- [--url URL] [--capacity N] [--per-buyer N] [--hold SECONDS]

Opens a sale of one ticket type for a load test and prints its id. ADMIN_API_KEY holds an administrator's key.`;

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:3000' },
    capacity: { type: 'string', default: '100000' },
    'per-buyer': { type: 'string', default: '1000' },
    hold: { type: 'string', default: '600' },
    help: { type: 'boolean' },
  },
});
const key = process.env['ADMIN_API_KEY'] ?? '';
if (values.help === true || key === '') {
  console.error(usage);
  process.exit(values.help === true ? 0 : 2);
}

const dayMs = 86_400_000;
try {
  const admin = adminApi(values.url, key);
  const { id } = await admin<{ id: string }>('POST', '/sales', {
    name: 'Load test',
    opensAt: new Date(Date.now() - 60_000).toISOString(),
    closesAt: new Date(Date.now() + dayMs).toISOString(),
    holdSeconds: Number(values.hold),
    maxPerBuyer: Number(values['per-buyer']),
    ticketTypes: [
      { name: 'Floor', priceMinor: 4500, currency: 'EUR', capacity: Number(values.capacity), maxPerOrder: 1 },
    ],
  });
  await admin('POST', `/sales/${id}/open`);
  console.log(id);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
