using System.Globalization;
using Dtt.Core.Alerts;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Core.Security;
using Dtt.Core.Storage;

namespace Dtt.Silo.Doctor;

/// <summary>Whether the folders of the platform are there, this user's own, of the right kind, and not full.</summary>
internal static class FolderChecks
{
    private const long LeastHomeBytes = 1L << 30, LeastStateBytes = 512L << 20;

    /// <summary>The folders that can be used; null where they cannot, which <see cref="Folders"/> says.</summary>
    public static PlatformFolders? Usable()
    {
        try
        {
            return PlatformFolders.FromEnvironment();
        }
        catch (UserErrorException)
        {
            return null;
        }
    }

    public static string Folders()
    {
        var folders = PlatformFolders.FromEnvironment();
        var home = Environment.GetEnvironmentVariable("HOME");
        return $"home {folders.Home}, state {folders.State}"
            + (Directory.Exists(home) ? "" : $"; HOME is '{home}', which does not exist, and DTT does not need it");
    }

    public static string? Disk() => Usable() is not { } folders ? null
        : $"{Free(folders.Home, "DTT_HOME", LeastHomeBytes)} in {folders.Home}, {Free(folders.State, "DTT_STATE", LeastStateBytes)} in {folders.State}";

    public static string? Certificates() => Usable() is not { } folders ? null
        : string.Create(CultureInfo.InvariantCulture, $"valid until {PlatformCertificates.Load(folders.TlsFolder).Silo.NotAfter:yyyy-MM-dd}");

    public static string? Alerts() => Usable() is not { } folders || PlatformFile.Read(folders.ConfigFile) is not { Count: > 0 } alerts ? null
        : $"{alerts.Count} in {folders.ConfigFile}";

    private static string Free(string folder, string variable, long least)
    {
        var free = FileSystem.FreeBytes(folder);
        return free >= least ? string.Create(CultureInfo.InvariantCulture, $"{free / 1e9:0.0} GB free") : throw new UserErrorException(string.Create(
            CultureInfo.InvariantCulture,
            $"{folder} has {free / 1e6:0} MB free, and {least / 1e6:0} MB are needed: clear its disk, or name a folder on another one with {variable}."));
    }
}
