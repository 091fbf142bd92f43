using System.Security.Cryptography;
using System.Text;
using Dtt.Core.Platform;
using Dtt.Core.Storage;

namespace Dtt.Data.Hub;

/// <summary>
/// How the platform's silos reach the Hub for the user whose command asked for a download: a private file in the home that they share, kept until the
/// dataset is there, so that a download goes on after any kill.
/// </summary>
/// <param name="folders">The platform's folders.</param>
/// <param name="rawFolder">Where the dataset goes, absolute.</param>
public sealed class HubAccessFile(PlatformFolders folders, string rawFolder)
{
    private readonly string _file = Path.Combine(
        folders.HubFolder, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(rawFolder)))[..32] + ".json");

    /// <summary>Writes it.</summary>
    public void Save(HubAccess access)
    {
        PrivateFolder.Make(folders.HubFolder);
        DurableFile.Sweep(folders.HubFolder);
        access.Save(_file);
    }

    /// <summary>Reads it; null when there is none.</summary>
    public HubAccess? Find() => HubAccess.Find(_file);

    /// <summary>Removes it.</summary>
    public void Delete()
    {
        if (File.Exists(_file)) File.Delete(_file);
    }
}
