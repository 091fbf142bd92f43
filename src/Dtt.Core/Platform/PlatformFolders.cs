using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Core.Platform;

/// <summary>
/// Where a platform lives: <c>DTT_HOME</c> (certificates, the nodes of a cluster, which share it; default <c>~/.dtt</c>) and <c>DTT_STATE</c> (databases,
/// lock, announcement and log of the silo; a local disk). The state is inside the home unless that is on a network file system, where SQLite would lose
/// data: then <c>/var/tmp/dtt-UID</c>.
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

    /// <summary>Where the silos of a cluster announce themselves; in a home without it, or with an empty one, a silo serves one machine.</summary>
    public string ClusterFolder => Path.Combine(Home, "cluster");

    /// <summary>Where Slurm jobs that serve this home keep their database, between them too; there once it is whole.</summary>
    public string JobsDatabase => Path.Combine(Home, "postgres", "data");

    /// <summary>Which job and life runs that database's server, or is to: <c>job N life N on NODE</c>.</summary>
    public string JobsOwner => Path.Combine(Home, "postgres", "owner");

    /// <summary>What the silos of the platform have in common; need not be there.</summary>
    public string ConfigFile => Path.Combine(Home, "platform.yaml");

    /// <summary>How the silos reach the Hugging Face Hub for those whose downloads go on, a file each.</summary>
    public string HubFolder => Path.Combine(Home, "hub");

    /// <summary>Keys and certificates.</summary>
    public string TlsFolder => Path.Combine(Home, "tls");

    /// <summary>The folders of this process's environment, made if missing, for this user only.</summary>
    /// <exception cref="UserErrorException">A folder cannot be written or is another user's, or the state would be on a network file system.</exception>
    public static PlatformFolders FromEnvironment() =>
        Make(Environment.GetEnvironmentVariable("DTT_HOME"), Environment.GetEnvironmentVariable("DTT_STATE"), UserHome);

    /// <summary>The folders of these settings.</summary>
    /// <param name="dttHome"><c>DTT_HOME</c>.</param>
    /// <param name="dttState"><c>DTT_STATE</c>.</param>
    /// <param name="userHome">The user's home, asked for when <c>DTT_HOME</c> names no folder.</param>
    /// <exception cref="UserErrorException">As for <see cref="FromEnvironment"/>.</exception>
    public static PlatformFolders Make(string? dttHome, string? dttState, Func<string> userHome)
    {
        var home = dttHome is { Length: > 0 } ? Path.GetFullPath(dttHome) : Path.Combine(RequireFolder(userHome()), ".dtt");
        Make(home, "DTT_HOME");
        if (dttState is { Length: > 0 })
        {
            var state = Path.GetFullPath(dttState);
            if (FileSystem.NetworkKind(state) is { } kind)
            {
                throw new UserErrorException($"DTT_STATE is {state}, on a network file system ({kind}): SQLite loses data there. "
                    + "Name a folder on a local disk, such as /var/tmp/dtt-$UID.", ExitCodes.BadConfiguration);
            }

            Make(state, "DTT_STATE");
            return new PlatformFolders(home, state);
        }

        var local = FileSystem.NetworkKind(home) is null ? Path.Combine(home, "state") : $"/var/tmp/dtt-{FileSystem.UserId()}";
        Make(local, "DTT_STATE");
        return new PlatformFolders(home, local);
    }

    private static string UserHome() => Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify);

    private static string RequireFolder(string userHome)
    {
        if (Directory.Exists(userHome)) return userHome;
        var wrong = File.Exists(userHome) ? "is not a folder" : "does not exist";
        throw new UserErrorException($"HOME is '{userHome}', which {wrong}; name a folder for DTT's state with DTT_HOME.", ExitCodes.BadConfiguration);
    }

    private static void Make(string folder, string variable)
    {
        try
        {
            PrivateFolder.Make(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{folder} cannot be used: {e.Message} Name a folder of your own with {variable}.", ExitCodes.BadConfiguration, e);
        }
    }
}
