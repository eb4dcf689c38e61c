export interface Addresses {
  readonly api: string;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly logFile: string;
  readonly adminKey: string;
  /** whose the token is */
  readonly buyer: string;
  readonly token: string;
}

const sale = {
  name: 'Try-out',
  opensAt: '2026-01-01T00:00:00.000Z',
  closesAt: '2036-01-01T00:00:00.000Z',
  holdSeconds: 600,
  maxPerBuyer: 4,
  ticketTypes: [{ name: 'Floor', priceMinor: 4500, currency: 'EUR', capacity: 1000, maxPerOrder: 4 }],
};

/** What `npm start` says once all is running: where, with which keys, and lines to paste into a shell. */
export function welcome({ api, databaseUrl, redisUrl, logFile, adminKey, buyer, token }: Addresses): string {
  const idOf = (path: string): string => `node -pe 'JSON.parse(require("fs").readFileSync(0)).${path}'`;
  return `
Sluice is running. Ctrl-C stops it; its data stay in .data/

  Page         ${api}/#token=${token}
               (as buyer "${buyer}"; without the token: as a guest)
  API          ${api}
  API docs     ${api}/docs
  PostgreSQL   ${databaseUrl}
  Redis        ${redisUrl}
  Log          ${logFile}

  Admin key    ${adminKey}
  Buyer token  ${token}
               (buyer "${buyer}", good for a day; others: npm run --silent token -- <buyer>)

Create a sale, open it, buy two tickets and claim them:

  api=${api}
  admin='Authorization: Bearer ${adminKey}'
  buyer='Authorization: Bearer ${token}'
  json='Content-Type: application/json'
  sale=$(curl -s $api/v1/admin/sales -H "$admin" -H "$json" -d '${JSON.stringify(sale)}' | ${idOf('id')})
  curl -s -X POST $api/v1/admin/sales/$sale/open -H "$admin"
  type=$(curl -s $api/v1/sales/$sale | ${idOf('ticketTypes[0].id')})
  order=$(curl -s $api/v1/sales/$sale/orders -H "$buyer" -H "$json" -H 'Idempotency-Key: first' -d '{"items":[{"ticketTypeId":"'$type'","quantity":2}]}' | ${idOf('id')})
  curl -s "$api/v1/sales/$sale/orders/$order?wait=10" -H "$buyer"
  curl -s -X POST $api/v1/sales/$sale/orders/$order/confirm -H "$buyer"
`;
}
