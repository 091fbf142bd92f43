using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Core.Platform;

/// <summary>
/// Where a platform lives: <c>DTT_HOME</c> (certificates; default <c>~/.dtt</c>) and <c>DTT_STATE</c> (databases, lock, announcement and log of the silo; a local disk). The state is inside
/// the home unless that is on a network file system, where SQLite would lose data: then <c>/var/tmp/dtt-UID</c>.
/// </summary>
/// <param name="Home">Absolute.</param>
/// <param name="State">Absolute.</param>
public sealed record PlatformFolders(string Home, string State)
{
    /// <summary>The lock that makes a silo the only one.</summary>
    public string LockFile => Path.Combine(State, "silo.lock");

    /// <summary>The silo's announcement.</summary>
    public string AnnouncementFile => Path.Combine(State, "silo.json");

    /// <summary>The silo's log.</summary>
    public string LogFile => Path.Combine(State, "silo.log");

    /// <summary>Keys and certificates.</summary>
    public string TlsFolder => Path.Combine(Home, "tls");

    /// <summary>The folders of this process's environment, made if missing, for this user only.</summary>
    /// <exception cref="UserErrorException">A folder belongs to another user, or the state would lie on a network file system.</exception>
    public static PlatformFolders FromEnvironment()
    {
        var home = Path.GetFullPath(Environment.GetEnvironmentVariable("DTT_HOME") is { Length: > 0 } h ? h : Path.Combine(UserHome(), ".dtt"));
        PrivateFolder.Make(home);
        if (Environment.GetEnvironmentVariable("DTT_STATE") is { Length: > 0 } named)
        {
            var state = Path.GetFullPath(named);
            if (FileSystem.NetworkKind(state) is { } kind)
                throw new UserErrorException($"DTT_STATE is {state}, on a network file system ({kind}): SQLite loses data there. Name a folder on a local disk, such as /var/tmp/dtt-$UID.", ExitCodes.BadConfiguration);
            PrivateFolder.Make(state);
            return new PlatformFolders(home, state);
        }

        var local = FileSystem.NetworkKind(home) is null ? Path.Combine(home, "state") : $"/var/tmp/dtt-{FileSystem.UserId()}";
        PrivateFolder.Make(local);
        return new PlatformFolders(home, local);
    }

    private static string UserHome() => Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is { Length: > 0 } home ? home
        : throw new UserErrorException("this user has no home folder; name a folder for DTT's state with DTT_HOME.", ExitCodes.BadConfiguration);
}
