using System.Security.Cryptography;
using System.Text;

namespace Dtt.Data.Hub;

/// <summary>Hashes a file's content as it comes: by the hash that its listing has, and by SHA-256.</summary>
internal sealed class HubHash(HubFile file) : IDisposable
{
    private readonly IncrementalHash _sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly IncrementalHash? _git = file.Sha256 is null ? IncrementalHash.CreateHash(HashAlgorithmName.SHA1) : null;
    private bool _begun;

    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (!_begun) _git?.AppendData(Encoding.ASCII.GetBytes($"blob {file.Bytes}\0"));
        _begun = true;
        _sha256.AppendData(bytes);
        _git?.AppendData(bytes);
    }

    /// <summary>Forgets what was hashed.</summary>
    public void Restart() => _ = Finish();

    /// <summary>Whether what was hashed is the file's content, and its SHA-256, hex.</summary>
    public (bool IsRight, string Sha256) Finish()
    {
        if (!_begun) Append([]);
        _begun = false;
        var sha256 = Convert.ToHexStringLower(_sha256.GetHashAndReset());
        var listed = _git is null ? sha256 : Convert.ToHexStringLower(_git.GetHashAndReset());
        return (listed == file.ContentName, sha256);
    }

    public void Dispose()
    {
        _sha256.Dispose();
        _git?.Dispose();
    }
}
