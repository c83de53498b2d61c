package dev.pidalio;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.netflix.eureka.server.EnableEurekaServer;

/** A registry of Eureka as Spring Cloud ships it; a test says its settings on the command line. */
@SpringBootApplication
@EnableEurekaServer
public class Eureka {
    public static void main(String[] arguments) {
        SpringApplication.run(Eureka.class, arguments);
    }
}
