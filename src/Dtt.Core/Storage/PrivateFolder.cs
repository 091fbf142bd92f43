using Dtt.Core.Errors;

namespace Dtt.Core.Storage;

/// <summary>Folders that only this user may enter.</summary>
public static class PrivateFolder
{
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>Makes a folder with mode 0700; one that is there is closed to others.</summary>
    /// <exception cref="UserErrorException">It belongs to another user.</exception>
    /// <exception cref="IOException">It cannot be made, or not be written.</exception>
    public static void Make(string folder)
    {
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        RefuseForeign(folder);
        if (!FileSystem.IsWritable(folder)) throw new IOException($"{folder} cannot be written.");
        if ((File.GetUnixFileMode(folder) & Others) != 0) File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) & ~Others);
    }

    /// <summary>Throws unless a file is this user's and closed to everybody else.</summary>
    /// <exception cref="UserErrorException">It is not.</exception>
    public static void RefuseOpen(string file)
    {
        RefuseForeign(file);
        if ((File.GetUnixFileMode(file) & Others) != 0)
            throw new UserErrorException($"{file} may be read or changed by others; close it with `chmod go= {file}`, or delete it and let DTT make another.");
    }

    private static void RefuseForeign(string path)
    {
        if (FileSystem.OwnerOf(path) is var owner && owner != FileSystem.UserId())
            throw new UserErrorException($"{path} belongs to another user (id {owner}); name a folder of your own with DTT_HOME and DTT_STATE.");
    }
}
