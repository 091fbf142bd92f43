using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;

namespace Dtt.Abstractions.Security;

/// <summary>
/// Mutual TLS 1.3 as a step of an Orleans connection: each side shows its certificate and takes only the pinned ones. Nothing above it sees a byte before both are proven, and
/// a peer that does not finish its handshake within <see cref="HandshakeSeconds"/> is dropped.
/// </summary>
public static class TlsConnection
{
    /// <summary>How long a handshake may take.</summary>
    public const int HandshakeSeconds = 5;

    /// <summary>Adds the accepting side.</summary>
    /// <param name="builder">The connection.</param>
    /// <param name="mine">What this side shows.</param>
    /// <param name="peers">What the other side may show.</param>
    /// <param name="proven">Told when a peer is proven (+1) and when it has left (−1).</param>
    public static void UseServer(IConnectionBuilder builder, X509Certificate2 mine, X509Certificate2[] peers, Action<int>? proven = null) => builder.Use(next => context =>
        RunAsync(context, next, peers, proven, (stream, pinned, cancellation) => stream.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
        {
            ServerCertificate = mine,
            ClientCertificateRequired = true,
            EnabledSslProtocols = SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            RemoteCertificateValidationCallback = pinned,
        }, cancellation)));

    /// <summary>Adds the connecting side.</summary>
    /// <param name="builder">The connection.</param>
    /// <param name="mine">What this side shows.</param>
    /// <param name="peer">What the other side must show.</param>
    /// <param name="proven">Told when the peer is proven (+1) and when it has left (−1).</param>
    public static void UseClient(IConnectionBuilder builder, X509Certificate2 mine, X509Certificate2 peer, Action<int>? proven = null) => builder.Use(next => context =>
        RunAsync(context, next, [peer], proven, (stream, pinned, cancellation) => stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "dtt",
            ClientCertificates = [mine],
            LocalCertificateSelectionCallback = (_, _, _, _, _) => mine,
            EnabledSslProtocols = SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            RemoteCertificateValidationCallback = pinned,
        }, cancellation)));

    private static async Task RunAsync(ConnectionContext context, ConnectionDelegate next, X509Certificate2[] peers, Action<int>? proven,
        Func<SslStream, RemoteCertificateValidationCallback, CancellationToken, Task> handshake)
    {
        var pins = peers.Select(p => p.GetCertHashString(System.Security.Cryptography.HashAlgorithmName.SHA256)).ToArray();
        var plain = context.Transport;
        await using var stream = new SslStream(new DuplexStream(plain.Input.AsStream(), plain.Output.AsStream()));
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(context.ConnectionClosed);
            patience.CancelAfter(TimeSpan.FromSeconds(HandshakeSeconds));
            await handshake(stream, (_, shown, _, _) => shown is not null && pins.Contains(shown.GetCertHashString(System.Security.Cryptography.HashAlgorithmName.SHA256)), patience.Token);
        }
        catch (Exception e) when (e is AuthenticationException or IOException or OperationCanceledException or InvalidOperationException)
        {
            context.Abort(new ConnectionAbortedException("the peer did not prove itself", e));
            return;
        }

        context.Transport = new DuplexPipe(PipeReader.Create(stream), PipeWriter.Create(stream));
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
    }

    private sealed class DuplexPipe(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
