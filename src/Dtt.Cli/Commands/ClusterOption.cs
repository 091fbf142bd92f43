using System.CommandLine;
using Dtt.Core.Errors;
using Dtt.Core.Platform;

namespace Dtt.Cli.Commands;

/// <summary><c>--cluster FOLDER</c> on any command: the cluster whose nodes share that <c>DTT_HOME</c>.</summary>
internal static class ClusterOption
{
    /// <summary>The option.</summary>
    public static Option<string?> Instance { get; } = new("--cluster")
    {
        Description = "Speak to the cluster whose nodes share this DTT_HOME.",
        HelpName = "FOLDER",
        Recursive = true,
    };

    /// <summary>Has this process use the folder that was named.</summary>
    /// <exception cref="UserErrorException">No cluster is announced there.</exception>
    public static void Apply(ParseResult result)
    {
        if (result.GetValue(Instance) is not { } folder) return;
        var home = Path.GetFullPath(folder);
        if (!Directory.Exists(home) || !ClusterFolder.HasNodes(PlatformFolders.Make(home, null, () => "")))
        {
            throw new UserErrorException($"--cluster {folder}: no cluster is announced in {Path.Combine(home, "cluster")}. Name the DTT_HOME of its nodes, "
                + "and start them first (`dtt silo run` on each).", ExitCodes.BadConfiguration);
        }

        Environment.SetEnvironmentVariable("DTT_HOME", home);
    }
}
