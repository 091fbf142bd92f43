using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Dtt.Core.Security;

/// <summary>
/// An encrypted pipe over a plain one: mutual TLS 1.3, each side pinned by the SHA-256 of its certificate. It exists only when both sides are
/// proven, so nothing above it sees a byte from a stranger (<c>docs/adr/0011-tls-of-our-own.md</c>).
/// </summary>
public sealed class TlsPipe : IDuplexPipe, IAsyncDisposable
{
    /// <summary>How long a handshake may take: a peer that has not finished it by then is dropped.</summary>
    public static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(5);

    private readonly SslStream _stream;

    private TlsPipe(SslStream stream) => (_stream, Input, Output) = (stream, PipeReader.Create(stream), PipeWriter.Create(stream));

    /// <inheritdoc/>
    public PipeReader Input { get; }

    /// <inheritdoc/>
    public PipeWriter Output { get; }

    /// <summary>The accepting side of a handshake.</summary>
    /// <param name="plain">The connection.</param>
    /// <param name="local">What this side shows.</param>
    /// <param name="remote">What the other side must show.</param>
    /// <param name="closed">The connection is closed.</param>
    /// <exception cref="AuthenticationException">The other side did not prove itself, or not in time.</exception>
    public static Task<TlsPipe> AcceptAsync(IDuplexPipe plain, X509Certificate2 local, X509Certificate2 remote, CancellationToken closed) =>
        HandshakeAsync(plain, closed, (stream, token) => stream.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
        {
            ServerCertificate = local,
            ClientCertificateRequired = true,
            EnabledSslProtocols = SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            RemoteCertificateValidationCallback = Pinned(remote),
        }, token));

    /// <summary>The connecting side of a handshake.</summary>
    /// <param name="plain">The connection.</param>
    /// <param name="local">What this side shows.</param>
    /// <param name="remote">What the other side must show.</param>
    /// <param name="closed">The connection is closed.</param>
    /// <exception cref="AuthenticationException">The other side did not prove itself, or not in time.</exception>
    public static Task<TlsPipe> ConnectAsync(IDuplexPipe plain, X509Certificate2 local, X509Certificate2 remote, CancellationToken closed) =>
        HandshakeAsync(plain, closed, (stream, token) => stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "dtt",
            LocalCertificateSelectionCallback = (_, _, _, _, _) => local,
            EnabledSslProtocols = SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            RemoteCertificateValidationCallback = Pinned(remote),
        }, token));

    /// <summary>Closes the encrypted pipe; the plain one under it is closed with it.</summary>
    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    private static async Task<TlsPipe> HandshakeAsync(IDuplexPipe plain, CancellationToken closed, Func<SslStream, CancellationToken, Task> handshake)
    {
        var stream = new SslStream(new DuplexStream(plain.Input.AsStream(), plain.Output.AsStream()));
        try
        {
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(closed);
            timeout.CancelAfter(HandshakeTimeout);
            await handshake(stream, timeout.Token);
            return new TlsPipe(stream);
        }
        catch (Exception e) when (e is AuthenticationException or IOException or OperationCanceledException or InvalidOperationException)
        {
            await stream.DisposeAsync();
            throw new AuthenticationException($"the other side did not prove itself within {HandshakeTimeout.TotalSeconds} s: {e.Message}", e);
        }
    }

    private static RemoteCertificateValidationCallback Pinned(X509Certificate2 expected)
    {
        var pin = expected.GetCertHashString(HashAlgorithmName.SHA256);
        return (_, shown, _, _) => shown?.GetCertHashString(HashAlgorithmName.SHA256) == pin;
    }
}
