using System.IO.Pipelines;
using System.Net;
using System.Security.Authentication;
using Dtt.Core.Security;
using Microsoft.AspNetCore.Connections;

namespace Dtt.Silo.Hosting;

/// <summary>Mutual TLS as a step of a silo's connections; a peer that does not prove itself is dropped without a word.</summary>
internal static class TlsConnection
{
    /// <summary>Adds the step.</summary>
    /// <param name="builder">The connection.</param>
    /// <param name="handshake">Proves both sides: <see cref="TlsPipe.AcceptAsync"/> or <see cref="TlsPipe.ConnectAsync"/>.</param>
    /// <param name="proven">Told when a peer is proven (+1) and when it has left (−1).</param>
    /// <param name="refused">Told who did not prove itself, and how that showed.</param>
    public static void UseTls(
        this IConnectionBuilder builder,
        Func<IDuplexPipe, CancellationToken, Task<TlsPipe>> handshake,
        Action<int>? proven = null,
        Action<EndPoint?, string>? refused = null) =>
        builder.Use(next => async context =>
        {
            var plain = context.Transport;
            TlsPipe tls;
            try
            {
                tls = await handshake(plain, context.ConnectionClosed);
            }
            catch (AuthenticationException e)
            {
                refused?.Invoke(context.RemoteEndPoint, e.Message);
                context.Abort(new ConnectionAbortedException(e.Message, e));
                return;
            }

            await using var _ = tls;
            context.Transport = tls;
            proven?.Invoke(1);
            try
            {
                await next(context);
            }
            finally
            {
                proven?.Invoke(-1);
                context.Transport = plain;
            }
        });
}
