using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Core.Security;

/// <summary>The two key pairs of a platform: one of its silos, one of its clients. Self-signed, made once, known to each other by their SHA-256.</summary>
public sealed class PlatformCertificates
{
    private const int YearsValid = 20;
    private const int SecretBytes = 32;
    private const int LockTimeoutMilliseconds = 10_000;

    private PlatformCertificates(X509Certificate2 silo, X509Certificate2 client) => (Silo, Client) = (silo, client);

    /// <summary>What silos show.</summary>
    public X509Certificate2 Silo { get; }

    /// <summary>What clients show.</summary>
    public X509Certificate2 Client { get; }

    /// <summary>A secret that every silo of the platform can derive, and nobody else (HKDF-SHA256, RFC 5869, from the silos' private key), hex.</summary>
    /// <param name="purpose">What it is for: another purpose gives another secret.</param>
    public string DeriveSecret(string purpose)
    {
        using var key = Silo.GetECDsaPrivateKey()!;
        var secret = key.ExportParameters(includePrivateParameters: true).D!;
        return Convert.ToHexString(HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, SecretBytes, info: Encoding.UTF8.GetBytes(purpose)));
    }

    /// <summary>Reads the pairs, or makes them when there are none.</summary>
    /// <exception cref="UserErrorException">The files are another user's, open to others, or damaged.</exception>
    public static PlatformCertificates Load(string folder)
    {
        PrivateFolder.Make(folder);
        var (silo, client) = (Path.Combine(folder, "silo.pfx"), Path.Combine(folder, "client.pfx"));
        if (!File.Exists(silo) || !File.Exists(client))
        {
            // Of processes that start together one makes the pairs and the others wait for it.
            FileLock? making = null;
            if (!SpinWait.SpinUntil(() => (making = FileLock.TryAcquire(Path.Combine(folder, ".making"))) is not null, LockTimeoutMilliseconds))
            {
                throw new UserErrorException($"{folder}: another process has been making certificates for {LockTimeoutMilliseconds / 1000} s; "
                    + "look for a hung `dtt`.");
            }

            using (making)
            {
                if (!File.Exists(silo)) Make(silo, "dtt silo");
                if (!File.Exists(client)) Make(client, "dtt client");
            }
        }

        return new PlatformCertificates(Read(silo), Read(client));
    }

    private static void Make(string file, string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UtcNow.AddYears(YearsValid));
        DurableFile.Replace(file, certificate.Export(X509ContentType.Pfx), UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private static X509Certificate2 Read(string file)
    {
        PrivateFolder.RefuseOpen(file);
        try
        {
            return X509CertificateLoader.LoadPkcs12FromFile(file, null, X509KeyStorageFlags.Exportable);
        }
        catch (CryptographicException e)
        {
            throw new UserErrorException($"{file} is damaged ({e.Message}); stop the silo (`dtt silo stop`), delete "
                + $"{Path.GetDirectoryName(file)}, and run this again.", inner: e);
        }
    }
}
