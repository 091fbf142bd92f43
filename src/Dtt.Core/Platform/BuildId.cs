using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Security.Cryptography;

namespace Dtt.Core.Platform;

/// <summary>Which build of DTT a folder of programs holds: a hash over the version ids that the compiler put into each of its assemblies.</summary>
public static class BuildId
{
    private const int Digits = 12;

    /// <summary>The build in a folder; the same sources give the same id.</summary>
    public static string Of(string folder)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var ours = Directory.EnumerateFiles(folder, "*.dll").Where(f => Path.GetFileName(f).StartsWith("dtt", StringComparison.OrdinalIgnoreCase));
        foreach (var file in ours.Order(StringComparer.Ordinal))
        {
            using var assembly = new PEReader(File.OpenRead(file));
            var metadata = assembly.GetMetadataReader();
            hash.AppendData(metadata.GetGuid(metadata.GetModuleDefinition().Mvid).ToByteArray());
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset())[..Digits];
    }
}
