// SPDX-License-Identifier: Apache-2.0
// @fastify/http-proxy with a JWT check and a token of its own for the upstream.
'use strict'
const fastify = require('fastify')({ logger: false })

fastify.register(require('@fastify/jwt'), {
  secret: process.env.SECRET,
  verify: { algorithms: ['HS256'], allowedIss: 'shop', allowedAud: 'inventory-service' }
})
fastify.register(require('@fastify/http-proxy'), {
  upstream: process.env.UPSTREAM,
  preHandler: async (request) => {
    await request.jwtVerify()
  },
  replyOptions: {
    rewriteRequestHeaders: (request, headers) =>
      Object.assign({}, headers, { authorization: process.env.SERVICE })
  }
})
fastify.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
